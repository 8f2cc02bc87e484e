/** Two versions of a text as a unified diff. */
import { formatPatch, OMIT_HEADERS, structuredPatch } from "diff"
import { Buffer } from "node:buffer"

/** A version of a text. */
export interface TextVersion {
  /** Its name, for the head. */
  readonly name: string
  /** Its time, for the head. */
  readonly time: string
  readonly bytes: Uint8Array
}

/** Lines before and after a change. */
const CONTEXT = 3
/** How long to look for the shortest diff, in milliseconds. */
const PATIENCE = 20_000
/** A text has no NUL in this many bytes. So does git decide. */
const LOOKED_AT = 8000

/** Whether bytes are no text. */
export const isBinary = (bytes: Uint8Array): boolean => bytes.subarray(0, LOOKED_AT).includes(0)

/**
 * The unified diff of two texts in any encoding that has a byte for a line end, byte for byte as `patch` takes it.
 * Empty if they are the same. Undefined if they are so different that finding the diff takes too long.
 */
export const unifiedDiff = (before: TextVersion, after: TextVersion): Uint8Array | undefined => {
  // A character for each byte, so that nothing is lost that is not UTF-8.
  const text = ({ bytes }: TextVersion): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
  const patch = structuredPatch("", "", text(before), text(after), "", "", { context: CONTEXT, timeout: PATIENCE })
  if (patch === undefined) return undefined
  if (patch.hunks.length === 0) return new Uint8Array(0)
  const head = `--- ${before.name}\t${before.time}\n+++ ${after.name}\t${after.time}\n`
  return Buffer.concat([Buffer.from(head), Buffer.from(formatPatch(patch, OMIT_HEADERS), "latin1")])
}

/** Reads small contents into memory, each with as few reads as possible. */
import * as Effect from "effect/Effect"
import { SourceError } from "../../stages/walk/errors.ts"
import { CHANGED_TWICE, readUntilUnchanged } from "../../stages/walk/reread.ts"
import { ZSTD_FRAME_BYTES } from "../../stages/compress/zstd_stream.ts"
import { catching } from "../../stages/kernel/catching.ts"
import type { Content, ReaderContent } from "../../stages/walk/entry.ts"

/** A content of at most this many bytes is held in memory and read once. It becomes one zstd frame. */
export const HELD_BYTES: number = ZSTD_FRAME_BYTES
/** The first growth of a buffer for a content that is longer than the walk said. */
const GROWN_BYTES = 64 << 10

/** A content in memory. */
export interface HeldContent {
  readonly bytes: Uint8Array
  /** What is wrong with it. */
  readonly problem?: string
}

/**
 * Reads a content of at most {@link HELD_BYTES}. Gives undefined for a longer one. `size` is what the walk said. A file
 * that changes while it is read is read again; if it changes again, it is kept as it was read, with a problem.
 */
export const readSmall = (
  content: Content,
  size: number | undefined,
): Effect.Effect<HeldContent | undefined, SourceError> =>
  Effect.gen(function* () {
    if (content instanceof Uint8Array) return content.length > HELD_BYTES ? undefined : { bytes: content }
    if ((size ?? 0) > HELD_BYTES) return undefined
    const held = yield* readUntilUnchanged(() => catching(SourceError, () => readOnce(content as ReaderContent, size)))
    if (held === undefined) return undefined
    return held.changed ? { bytes: held.bytes, problem: CHANGED_TWICE } : { bytes: held.bytes }
  })

/** Undefined when the content is longer than {@link HELD_BYTES}. Throws SourceError. */
const readOnce = (
  content: ReaderContent,
  size: number | undefined,
): { readonly bytes: Uint8Array; readonly changed: boolean } | undefined => {
  const reader = content.open()
  try {
    // One byte more than the content: a read that fills the buffer shows that the content is longer.
    let bytes = new Uint8Array(Math.min(HELD_BYTES, size ?? 0) + 1)
    let length = 0
    for (;;) {
      const read = reader.read(bytes.subarray(length))
      length += read
      if (length < bytes.length) break
      if (length > HELD_BYTES) return undefined
      const grown = new Uint8Array(Math.min(HELD_BYTES + 1, Math.max(GROWN_BYTES, bytes.length * 4)))
      grown.set(bytes)
      bytes = grown
    }
    const { changed } = reader.finish()
    return { bytes: bytes.subarray(0, length), changed }
  } finally {
    reader.close()
  }
}

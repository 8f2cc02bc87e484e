/** Handles files that change while they are read. */
import type { Entry, Metadata } from "./entry.ts"
import { SourceError } from "./errors.ts"

/** How many times a file is read at most. */
const READS = 2

/** The warning about a file that changed each time. */
export const CHANGED_TWICE = "It changed while it was read, twice; what was read is stored"

/**
 * Calls `read`, and calls it again when what it gives says `changed`, two times in all. Gives what the last call gave.
 * `last` tells `read` that there is no further call: what it reads then is stored, changed or not.
 *
 * It is a generator so that both kinds of callers can `yield*` it: in `Effect.gen`, where `read` gives an Effect, and
 * in the synchronous code of a lane, where `read` is a generator.
 */
export function* readUntilUnchanged<Step, A extends { readonly changed: boolean } | undefined>(
  // deno-lint-ignore no-explicit-any -- the runner of the generator knows what it sends back to `read`
  read: (last: boolean) => { readonly [Symbol.iterator]: () => Iterator<Step, A, any> },
  // deno-lint-ignore no-explicit-any -- see above
): Generator<Step, A, any> {
  for (let reads = 1;; reads++) {
    const last = reads === READS
    const result = yield* read(last)
    if (result?.changed !== true || last) return result
  }
}

/**
 * The metadata to store of a file that was read, and a warning when it had changed. A file that changed keeps the
 * metadata from before: the next backup then sees a difference, and reads the file again.
 */
export const metadataAsRead = (
  entry: Pick<Entry, "metadata">,
  { changed, metadata }: { readonly changed: boolean; readonly metadata?: Metadata | undefined },
): { readonly metadata: Metadata; readonly warning?: string } =>
  changed ? { metadata: entry.metadata, warning: CHANGED_TWICE } : { metadata: { ...entry.metadata, ...metadata } }

/** The error for a file that changed while a target copied it. */
export const changedWhileCopied = (path: string): SourceError =>
  new SourceError({ reason: "changed", path, message: "It changed while it was copied" })

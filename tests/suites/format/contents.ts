/** Entries, and contents that change or must not be opened. */
import assert from "node:assert/strict"
import { readerOf } from "../reader.ts"
import { Stream } from "effect"
import type { Content, Entry, Metadata, ReaderContent } from "../../../stages/walk/entry.ts"

/** Some entries. */
export const of = (...entries: ReadonlyArray<Entry>): Stream.Stream<Entry> => Stream.fromIterable(entries)
/** A file. */
export const file = (path: string, content: Content, size: number | undefined, metadata: Metadata = {}): Entry => ({
  path,
  kind: "file",
  metadata,
  size,
  content,
})
/** The root directory. */
export const root: Entry = { path: "", kind: "directory", metadata: {}, size: 0 }

/** Content that fails a test when it is opened. */
export const untouchable: ReaderContent = {
  open: () => assert.fail("An unchanged file was opened"),
}

/**
 * A reader that gives `states[n]` when it is opened for the n-th time. It says that the file changed, except for the
 * last state if it `settles`.
 */
export const changing = (
  states: ReadonlyArray<string>,
  settles: boolean,
): ReaderContent & { readonly opened: () => number } => {
  let opened = 0
  const reader = readerOf(() => {
    const n = Math.min(opened++, states.length - 1)
    return {
      bytes: new TextEncoder().encode(states[n]),
      changed: !settles || n < states.length - 1,
      metadata: { mtime: BigInt(n + 1) * 1_000_000_000n },
    }
  })
  return { ...reader, opened: () => opened }
}

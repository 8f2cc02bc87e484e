/** Contents that are read as a source reads files: piece by piece, by whoever opens them. */
import type { Metadata, ReaderContent } from "../../stages/walk/entry.ts"

/** What a reader says at its end. */
export interface End {
  readonly changed?: boolean
  readonly metadata?: Metadata
}

/** Calls `next` each time it is opened, and gives those bytes. */
export const readerOf = (
  next: () => { readonly bytes: Uint8Array } & End,
): ReaderContent => ({
  open: () => {
    const { bytes, changed = false, metadata = {} } = next()
    let at = 0
    return {
      read: (into) => {
        const part = bytes.subarray(at, at + into.length)
        into.set(part)
        at += part.length
        return part.length
      },
      finish: () => ({ changed, size: bytes.length, metadata }),
      close: () => {},
    }
  },
})

/**
 * A mark for the layout of an empty index. An empty index looks the same in both layouts, so the later layout is marked
 * by a zstd frame that decoders skip (RFC 8878, section 3.1.2). SPEC.md, "The index".
 */
import { type Index, type IndexLayout, isEmpty } from "./index.ts"

/** The magic 0x184D2A50, the length 7 (both u32 LE), and `program`. */
const MARK = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 7, 0, 0, 0, ...new TextEncoder().encode("program"))

/** The bytes that go behind the zstd frames of an index: the mark, or nothing. */
export const layoutMark = (index: Index, layout: IndexLayout): Uint8Array =>
  layout === "program" && isEmpty(index) ? MARK : new Uint8Array(0)

/** The layout of an index. `looks` is what its lists look like, `end` the last bytes of its compressed form. */
export const layoutOf = (index: Index, looks: IndexLayout, end: Uint8Array): IndexLayout => {
  const start = end.length - MARK.length
  return isEmpty(index) && start >= 0 && MARK.every((byte, i) => end[start + i] === byte) ? "program" : looks
}

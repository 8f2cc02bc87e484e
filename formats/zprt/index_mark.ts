/**
 * The order of an index with nothing in it: it looks the same in both, so a frame of zstd that decoders skip (RFC 8878,
 * section 3.1.2) tells of the later one. SPEC.md, "The index".
 */
import type { Index, IndexLayout } from "./index.ts"

/** 0x184D2A50, the length 7, and `program`: all little endian. */
const MARK = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 7, 0, 0, 0, ...new TextEncoder().encode("program"))

/** Whether an archive holds nothing, as a new one does. */
export const isEmpty = ({ directories, files }: Index): boolean => files.length + directories.length === 0

/** What goes behind the frames of an index. */
export const layoutMark = (index: Index, layout: IndexLayout): Uint8Array =>
  layout === "program" && isEmpty(index) ? MARK : new Uint8Array(0)

/** The order of an index: as it looks or, when it is empty, as the end of its frames tells. */
export const layoutOf = (index: Index, looks: IndexLayout, end: Uint8Array): IndexLayout => {
  const start = end.length - MARK.length
  return isEmpty(index) && start >= 0 && MARK.every((byte, i) => end[start + i] === byte) ? "program" : looks
}

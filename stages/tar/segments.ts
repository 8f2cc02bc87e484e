/**
 * The list of the parts of a file that are not holes. Source: the manual of GNU tar, "Storing Sparse Files". All four
 * forms are read: the old one of GNU tar, 0.0, 0.1 and 1.0. The last one is written.
 */
import { corrupt } from "./error.ts"
import { BLOCK_BYTES, padded, readNumber } from "./header.ts"
import type { Parsing } from "./parser.ts"
import { decodeCount, type PaxRecord } from "./pax.ts"

/** Bytes of a file that are not a hole. */
export interface Segment {
  readonly offset: number
  readonly length: number
}

/** A list of more segments is not read, and not written. */
export const SEGMENTS_MAXIMUM: number = 1 << 20
/** The largest file of ext4, in bytes. A file with holes that claims to be larger is refused. */
export const SPARSE_MAXIMUM: number = 2 ** 44

/** Longest line of the list in form 1.0: more than the digits of any safe integer. */
const LINE_MAXIMUM = 20
const NEWLINE = 0x0a

/** Where the old form of GNU tar has its fields in the header. Each segment is two numbers of 12 bytes. */
const OLD = { segments: 386, count: 4, isExtended: 482, size: 483 } as const
/** Where it has them in the blocks that follow the header. */
const OLD_EXTENSION = { segments: 0, count: 21, isExtended: 504 } as const
const OLD_NUMBER_BYTES = 12

/** Checks that segments are in order, within `size`, and have `stored` bytes together. Throws `corrupt`. */
export const checkSegments = (
  segments: ReadonlyArray<Segment>,
  size: number,
  stored: number,
): ReadonlyArray<Segment> => {
  if (size > SPARSE_MAXIMUM) throw corrupt(`it claims ${size} bytes, most of them holes`)
  let end = 0
  let total = 0
  for (const { length, offset } of segments) {
    if (offset < end || offset + length > size) throw corrupt("its parts between holes are not in order")
    end = offset + length
    total += length
  }
  if (total !== stored) throw corrupt(`it has ${stored} bytes where its parts between holes have ${total}`)
  return segments.filter(({ length }) => length > 0)
}

/** The old form of GNU tar: in the header, of type `S`, and in blocks after it. Throws `corrupt`. */
export function* readOldSegments(
  header: Uint8Array,
): Parsing<{ readonly segments: ReadonlyArray<Segment>; readonly size: number }> {
  const size = readNumber(header, OLD.size, OLD_NUMBER_BYTES)
  const segments = [...oldSegments(header, OLD)]
  for (let more = header[OLD.isExtended] !== 0; more;) {
    const block = yield { take: BLOCK_BYTES }
    segments.push(...oldSegments(block, OLD_EXTENSION))
    if (segments.length > SEGMENTS_MAXIMUM) throw corrupt("its list of holes has no end")
    more = block[OLD_EXTENSION.isExtended] !== 0
  }
  return { segments, size }
}

/** The segments of one block. The list may end before its `count`. */
const oldSegments = (
  block: Uint8Array,
  { count, segments: start }: { readonly segments: number; readonly count: number },
): ReadonlyArray<Segment> => {
  const segments: Array<Segment> = []
  for (let i = 0, at = start; i < count && block[at] !== 0; i++, at += 2 * OLD_NUMBER_BYTES) {
    segments.push({
      offset: readNumber(block, at, OLD_NUMBER_BYTES),
      length: readNumber(block, at + OLD_NUMBER_BYTES, OLD_NUMBER_BYTES),
    })
  }
  return segments
}

/** Forms 0.0 and 0.1: in the extended header, as records of their own or as one map. Throws `corrupt`. */
export const segmentsOfRecords = (records: ReadonlyArray<PaxRecord>): ReadonlyArray<Segment> => {
  const map = new Map(records).get("GNU.sparse.map")
  return pairs(
    map === undefined
      ? records.filter(([key]) => key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes").map(([, text]) => text)
      : map.split(","),
  )
}

/**
 * Form 1.0: before the data, of which `stored` bytes come, list included. A count, then as many pairs, each number on a
 * line, filled up to whole blocks. Throws `corrupt`.
 */
export function* readSegments(stored: number): Parsing<ReadonlyArray<Segment>> {
  const numbers: Array<string> = []
  let line = ""
  let left = stored
  let count = Infinity
  while (numbers.length < count) {
    if (left < BLOCK_BYTES) throw corrupt("its list of holes has no end")
    left -= BLOCK_BYTES
    for (const byte of yield { take: BLOCK_BYTES }) {
      if (byte !== NEWLINE) {
        line += String.fromCharCode(byte)
        if (line.length > LINE_MAXIMUM) throw corrupt("its list of holes is not valid")
        continue
      }
      if (count === Infinity) {
        count = decodeCount(line) * 2
        if (count > SEGMENTS_MAXIMUM * 2) throw corrupt("its list of holes has no end")
      } else numbers.push(line)
      line = ""
      if (numbers.length === count) break
    }
  }
  return pairs(numbers)
}

/** The inverse of {@link readSegments}. */
export const encodeSegments = (segments: ReadonlyArray<Segment>): Uint8Array => {
  const lines = [segments.length, ...segments.flatMap(({ offset, length }) => [offset, length])]
  const text = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""))
  const bytes = new Uint8Array(padded(text.length))
  bytes.set(text)
  return bytes
}

/** Segments from numbers in pairs: offset and length. Throws `corrupt`. */
const pairs = (numbers: ReadonlyArray<string>): ReadonlyArray<Segment> => {
  if (numbers.length % 2 !== 0 || numbers.length > SEGMENTS_MAXIMUM * 2) throw corrupt("its list of holes is not valid")
  const segments: Array<Segment> = []
  for (let i = 0; i < numbers.length; i += 2) {
    segments.push({ offset: decodeCount(numbers[i]!), length: decodeCount(numbers[i + 1]!) })
  }
  return segments
}

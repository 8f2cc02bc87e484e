/**
 * Files with holes: which parts of them an archive has. Source: the manual of GNU tar, "Storing Sparse Files", all four
 * forms; the last one, 1.0, is what is written.
 */
import * as Stream from "effect/Stream"
import type { SourceError } from "../walk/errors.ts"
import { corrupt } from "./error.ts"
import { padded, readNumber } from "./header.ts"
import { decodeCount } from "./pax.ts"

/** Bytes of a file that are not a hole. */
export interface Segment {
  readonly offset: number
  readonly length: number
}

/** More parts than this are not read, and not written. */
export const SEGMENTS_MAXIMUM: number = 1 << 20
/** The largest file of ext4: a file with holes that claims to be larger is not believed. */
export const SPARSE_MAXIMUM: number = 2 ** 44

/** Checks that segments are in order, within `size`, and have `stored` bytes together. Throws `corrupt`. */
export const checkSegments = (
  segments: ReadonlyArray<Segment>,
  size: number,
  stored: number,
): ReadonlyArray<Segment> => {
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

/** Segments of a header of GNU tar's own: `count` of them from `at` on. Those of no length at the end are left out. */
export const headerSegments = (block: Uint8Array, at: number, count: number): ReadonlyArray<Segment> => {
  const segments: Array<Segment> = []
  for (let i = 0; i < count && block[at + i * 24] !== 0; i++) {
    segments.push({
      offset: readNumber(block, at + i * 24, 12),
      length: readNumber(block, at + i * 24 + 12, 12),
    })
  }
  return segments
}

/** Segments from numbers in pairs. Throws `corrupt`. */
export const pairs = (numbers: ReadonlyArray<string>): ReadonlyArray<Segment> => {
  if (numbers.length % 2 !== 0 || numbers.length > SEGMENTS_MAXIMUM * 2) throw corrupt("its list of holes is not one")
  const segments: Array<Segment> = []
  for (let i = 0; i < numbers.length; i += 2) {
    segments.push({ offset: decodeCount(numbers[i]!), length: decodeCount(numbers[i + 1]!) })
  }
  return segments
}

/** The list of segments as it stands before the data of a file in form 1.0, in whole blocks. */
export const encodeSegments = (segments: ReadonlyArray<Segment>): Uint8Array => {
  const lines = [segments.length, ...segments.flatMap(({ offset, length }) => [offset, length])]
  const text = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""))
  const bytes = new Uint8Array(padded(text.length))
  bytes.set(text)
  return bytes
}

/** Zeros in whole blocks of the file system are holes. */
const HOLE_BYTES = 4096

/** Finds the segments of a content that is pushed in pieces. */
export class HoleFinder {
  readonly #segments: Array<{ offset: number; length: number }> = []
  #at = 0
  #zeros = true

  push(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      const to = Math.min(bytes.length, from + HOLE_BYTES - this.#at % HOLE_BYTES)
      if (this.#zeros) {
        for (let i = from; i < to; i++) {
          if (bytes[i] !== 0) {
            this.#zeros = false
            break
          }
        }
      }
      this.#at += to - from
      from = to
      if (this.#at % HOLE_BYTES === 0) this.#close()
    }
  }

  /**
   * The segments; undefined when there are too many to be worth a list. The last is empty, at the end of the file, as
   * GNU tar has it.
   */
  end(): ReadonlyArray<Segment> | undefined {
    if (this.#at % HOLE_BYTES !== 0) this.#close()
    if (this.#segments.length >= SEGMENTS_MAXIMUM) return undefined
    const last = this.#segments.at(-1)
    return last !== undefined && last.offset + last.length === this.#at
      ? this.#segments
      : [...this.#segments, { offset: this.#at, length: 0 }]
  }

  #close(): void {
    const from = Math.floor((this.#at - 1) / HOLE_BYTES) * HOLE_BYTES
    if (!this.#zeros && this.#segments.length < SEGMENTS_MAXIMUM) {
      const last = this.#segments.at(-1)
      if (last !== undefined && last.offset + last.length === from) last.length = this.#at - last.offset
      else this.#segments.push({ offset: from, length: this.#at - from })
    }
    this.#zeros = true
  }
}

/** Of a content that is pushed in pieces, what lies in segments. */
export const cutter = (segments: ReadonlyArray<Segment>): (bytes: Uint8Array) => ReadonlyArray<Uint8Array> => {
  let at = 0
  let i = 0
  return (bytes) => {
    const out: Array<Uint8Array> = []
    const end = at + bytes.length
    for (; i < segments.length; i++) {
      const { length, offset } = segments[i]!
      const from = Math.max(at, offset)
      const to = Math.min(end, offset + length)
      if (from < to) out.push(bytes.subarray(from - at, to - at))
      if (offset + length > end) break
    }
    at = end
    return out
  }
}

const ZEROS = new Uint8Array(1 << 20)

/** The whole content of a file of `size` bytes: `read` gives `length` bytes of what is stored, from `offset` on. */
export const withHoles = (
  segments: ReadonlyArray<Segment>,
  size: number,
  read: (offset: number, length: number) => Stream.Stream<Uint8Array, SourceError>,
): Stream.Stream<Uint8Array, SourceError> => {
  const parts = function* (): Generator<Stream.Stream<Uint8Array, SourceError>, void> {
    let at = 0
    let stored = 0
    for (const { length, offset } of segments) {
      if (offset > at) yield zeros(offset - at)
      yield read(stored, length)
      stored += length
      at = offset + length
    }
    if (size > at) yield zeros(size - at)
  }
  return Stream.flatten(Stream.fromIterable({ [Symbol.iterator]: parts }))
}

const zeros = (length: number): Stream.Stream<Uint8Array> => {
  const pieces = function* (): Generator<Uint8Array, void> {
    for (let left = length; left > 0; left -= ZEROS.length) {
      yield left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left)
    }
  }
  return Stream.fromIterable({ [Symbol.iterator]: pieces })
}

/** Files with holes: finds the holes of a content, cuts them out, and puts them in again. */
import * as Stream from "effect/Stream"
import type { SourceError } from "../walk/errors.ts"
import { type Segment, SEGMENTS_MAXIMUM } from "./segments.ts"

/** The block size of most file systems: a block of zeros is a hole. */
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
      if (this.#at % HOLE_BYTES === 0) this.#closeBlock()
    }
  }

  /**
   * The segments of all that was pushed. The last one is empty, at the end of the file, as GNU tar writes it. Undefined
   * when there are too many segments for a list.
   */
  end(): ReadonlyArray<Segment> | undefined {
    if (this.#at % HOLE_BYTES !== 0) this.#closeBlock()
    if (this.#segments.length >= SEGMENTS_MAXIMUM) return undefined
    const last = this.#segments.at(-1)
    return last !== undefined && last.offset + last.length === this.#at
      ? this.#segments
      : [...this.#segments, { offset: this.#at, length: 0 }]
  }

  #closeBlock(): void {
    const from = Math.floor((this.#at - 1) / HOLE_BYTES) * HOLE_BYTES
    if (!this.#zeros && this.#segments.length < SEGMENTS_MAXIMUM) {
      const last = this.#segments.at(-1)
      if (last !== undefined && last.offset + last.length === from) last.length = this.#at - last.offset
      else this.#segments.push({ offset: from, length: this.#at - from })
    }
    this.#zeros = true
  }
}

/** Makes a function that takes a content in pieces and returns the parts that are in segments. */
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

/**
 * The whole content of a file of `size` bytes. `read` returns `length` bytes of what is stored of it, from `offset` on.
 */
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

/** What {@link zeros} gives again and again. Nobody changes it. */
const ZEROS = new Uint8Array(1 << 20)

/** This many zeros, in pieces of 1 MiB that share their memory. */
export const zeros = (length: number): Stream.Stream<Uint8Array> => {
  const pieces = function* (): Generator<Uint8Array, void> {
    for (let left = length; left > 0; left -= ZEROS.length) {
      yield left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left)
    }
  }
  return Stream.fromIterable({ [Symbol.iterator]: pieces })
}

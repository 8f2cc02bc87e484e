/** Reads the body of an answer. */
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import { joinParts } from "../../../stages/store/parts.ts"

/**
 * The part of a body that the caller wants:
 * - `length` bytes after the first `skip`; what follows is not read;
 * - all of it, `limit` bytes at most;
 * - nothing: a short body is read and dropped, so that the connection can be used again.
 */
export type Wanted =
  | { readonly skip: number; readonly length: number }
  | { readonly limit: number }
  | { readonly nothing: true }

/** A body that nobody wants is read to its end up to this length, in bytes. Beyond it the connection is dropped. */
const DISCARD_BYTES = 64 << 10

/**
 * Reads the wanted part of a body. `declared` is its length by the headers of the answer. Calls `moved` when bytes
 * come, and reads on when that has resolved. Throws a `StoreError` if the body is shorter than wanted or declared, or
 * longer than the limit.
 */
export const readBody = async (
  operation: Operation,
  body: Response["body"],
  declared: number | undefined,
  wanted: Wanted,
  moved: (bytes: number) => Promise<void> | void,
): Promise<Uint8Array<ArrayBuffer>> => {
  const cut = (bytes: number) => operationError(operation, "unavailable", `the answer was cut off after ${bytes} bytes`)
  const tooLong = (limit: number) => operationError(operation, "io", `the answer is longer than ${limit} bytes`)
  if (body === null) {
    if ("length" in wanted && wanted.length > 0) throw cut(0)
    return new Uint8Array(0)
  }
  if ("limit" in wanted && declared !== undefined && declared > wanted.limit) {
    await body.cancel().catch(() => {})
    throw tooLong(wanted.limit)
  }
  const reader = body.getReader()
  const sink = "length" in wanted ? sliceSink(wanted.skip, wanted.length) : wholeSink()
  let received = 0
  try {
    for (;;) {
      // A server that ignores ranges sends the rest of the object too.
      const isEnough = "length" in wanted && sink.missing() <= 0
      if (isEnough && (declared === undefined || declared > received)) return sink.bytes()
      const { done, value } = await reader.read()
      if (done) break
      received += value.length
      await moved(value.length)
      if ("nothing" in wanted) {
        if (received > DISCARD_BYTES) break
        continue
      }
      if ("limit" in wanted && received > wanted.limit) throw tooLong(wanted.limit)
      sink.take(value)
    }
    if ("nothing" in wanted) return new Uint8Array(0)
    if (sink.missing() > 0 || (declared !== undefined && received !== declared)) throw cut(received)
    return sink.bytes()
  } finally {
    void reader.cancel().catch(() => {})
  }
}

interface Sink {
  readonly take: (bytes: Uint8Array) => void
  /** Bytes that are still to come; 0 if nobody knows. */
  readonly missing: () => number
  readonly bytes: () => Uint8Array<ArrayBuffer>
}

const sliceSink = (skip: number, length: number): Sink => {
  const slice = new Uint8Array(length)
  let at = -skip
  return {
    take: (bytes) => {
      const from = Math.min(bytes.length, Math.max(0, -at))
      const to = Math.min(bytes.length, length - at)
      if (to > from) slice.set(bytes.subarray(from, to), at + from)
      at += bytes.length
    },
    missing: () => length - at,
    bytes: () => slice,
  }
}

const wholeSink = (): Sink => {
  const parts: Array<Uint8Array> = []
  return {
    take: (bytes) => {
      parts.push(bytes)
    },
    missing: () => 0,
    bytes: () => joinParts(parts),
  }
}

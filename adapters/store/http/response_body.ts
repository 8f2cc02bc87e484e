/** Reads the body of an answer. */
import { joinParts } from "../../../stages/store/parts.ts"
import type { HttpHead } from "./request.ts"
import { problem } from "./failure.ts"
import type { Subject } from "./status.ts"

/**
 * What is wanted of a body:
 * - `length` bytes after the first `skip`; what follows is not read;
 * - the whole, which may be `limit` bytes long;
 * - nothing: a short body is thrown away, so that the connection can be used again.
 */
export type Wanted =
  | { readonly skip: number; readonly length: number }
  | { readonly limit: number }
  | { readonly nothing: true }

/** Answers that are not wanted are read to their end, when they are no longer than this. */
const DISCARD_BYTES = 64 << 10

const none = new Uint8Array(0)

/**
 * Reads what is wanted, and calls `moved` whenever bytes come: the next are read when that is over. Throws a StoreError
 * when there is less, or more than the limit.
 */
export const readBody = async (
  subject: Subject,
  response: Response,
  { length: declared }: Pick<HttpHead, "length">,
  wanted: Wanted,
  moved: (bytes: number) => Promise<void> | void,
): Promise<Uint8Array<ArrayBuffer>> => {
  const cut = (bytes: number) => problem(subject, "unavailable", `the answer was cut after ${bytes} bytes`)
  const tooLong = (limit: number) => problem(subject, "io", `the answer is longer than ${limit} bytes`)
  if (response.body === null) {
    if ("length" in wanted && wanted.length > 0) throw cut(0)
    return new Uint8Array(0)
  }
  if ("limit" in wanted && declared !== undefined && declared > wanted.limit) {
    await cancel(response.body)
    throw tooLong(wanted.limit)
  }
  const reader = response.body.getReader()
  const sink = "length" in wanted ? exactly(wanted.skip, wanted.length) : collecting()
  let received = 0
  try {
    for (;;) {
      if ("length" in wanted && sink.missing() <= 0 && (declared === undefined || declared > received)) {
        // A server that ignores ranges sends the rest too.
        void reader.cancel().catch(() => {})
        return sink.bytes()
      }
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
    if ("nothing" in wanted) return none
    if (sink.missing() > 0 || (declared !== undefined && received !== declared)) throw cut(received)
    return sink.bytes()
  } finally {
    void reader.cancel().catch(() => {})
  }
}

const cancel = async (body: ReadableStream<Uint8Array>): Promise<void> => {
  await body.cancel().catch(() => {})
}

interface Sink {
  readonly take: (bytes: Uint8Array) => void
  /** Bytes that are still to come; 0 when that is not known. */
  readonly missing: () => number
  readonly bytes: () => Uint8Array<ArrayBuffer>
}

const exactly = (skip: number, length: number): Sink => {
  const all = new Uint8Array(length)
  let at = -skip
  return {
    take: (bytes) => {
      const from = Math.min(bytes.length, Math.max(0, -at))
      const to = Math.min(bytes.length, length - at)
      if (to > from) all.set(bytes.subarray(from, to), at + from)
      at += bytes.length
    },
    missing: () => length - at,
    bytes: () => all,
  }
}

const collecting = (): Sink => {
  const parts: Array<Uint8Array> = []
  return {
    take: (bytes) => {
      parts.push(bytes)
    },
    missing: () => 0,
    bytes: () => joinParts(parts),
  }
}

/** The body of a request. */
import { PIECE } from "../limit/pace.ts"
import { joinParts } from "../../../stages/store/parts.ts"

/** Bytes to send, which can be read more than once. */
export interface RequestBody {
  /** In bytes. */
  readonly length: number
  /** The bytes in order. What it throws fails the request. */
  readonly parts: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** How a body tells what becomes of it. */
export interface Progress {
  /** More bytes are asked for, or came. */
  readonly moved: () => void
  /** Waits until so many bytes may be sent. Absent where uploads are not limited. */
  readonly leave?: (bytes: number) => Promise<void>
  /** The bytes cannot be had. */
  readonly failed: (cause: unknown) => void
}

/** Up to this length a body goes as one piece: then every runtime says its length. */
const PIECE_BYTES = 1 << 20
/** A stream hands on no more at once, so that progress can be seen. */
const SLICE_BYTES = 256 << 10

/** What `fetch` takes, with headers. */
export const sendable = async (
  body: RequestBody | undefined,
  headers: Readonly<Record<string, string>>,
  progress: Progress,
): Promise<Pick<RequestInit, "headers"> & { readonly body?: BodyInit; readonly duplex?: "half" }> => {
  if (body === undefined) return { headers }
  const parts = body.parts()
  if (body.length <= (progress.leave === undefined ? PIECE_BYTES : PIECE) && Symbol.iterator in parts) {
    await progress.leave?.(body.length)
    return { headers, body: joinParts([...parts]) as BodyInit }
  }
  // Node and Bun send the length that is given, Deno sends chunks.
  return {
    headers: { ...headers, "content-length": String(body.length) },
    body: streamOf(parts, progress),
    duplex: "half",
  }
}

/** A stream of the parts, in pieces as the progress wants them. */
export const streamOf = (
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  progress: Progress,
): ReadableStream<Uint8Array> => {
  const next = Symbol.iterator in parts ? parts[Symbol.iterator]() : parts[Symbol.asyncIterator]()
  const { leave } = progress
  const most = leave === undefined ? SLICE_BYTES : PIECE
  let rest: Uint8Array = new Uint8Array(0)
  return new ReadableStream<Uint8Array>({
    pull: async (control) => {
      progress.moved()
      while (rest.length === 0) {
        const { done, value } = await Promise.resolve(next.next()).catch((cause) => {
          progress.failed(cause)
          throw cause
        })
        if (done === true) {
          control.close()
          return
        }
        rest = value
      }
      // A copy: the stream may hand the memory itself to somebody else.
      const slice = rest.slice(0, most)
      rest = rest.subarray(most)
      await leave?.(slice.length)
      control.enqueue(slice)
    },
    cancel: async () => {
      await next.return?.()
    },
  }, { highWaterMark: 0 })
}

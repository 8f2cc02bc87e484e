/** The body of a request. */
import { joinParts } from "../../../stages/store/parts.ts"
import { PIECE } from "../limit/pace.ts"

/** Bytes to send, which can be read more than once. */
export interface RequestBody {
  /** In bytes. */
  readonly length: number
  /** The bytes in order. The request fails with what this throws. */
  readonly parts: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** How a body reports its progress. */
export interface BodyProgress {
  /** Called when the runtime asks for more bytes. */
  readonly moved: () => void
  /** Waits until this many bytes may be sent. Absent where uploads are not limited. */
  readonly leave?: (bytes: number) => Promise<void>
  /** Called when the parts cannot be read. */
  readonly failed: (cause: unknown) => void
}

/** A body up to this length goes as one piece, because then every runtime sends its length. In bytes. */
const WHOLE_BYTES = 1 << 20
/** A stream hands over no more than this at once, so that its progress can be seen. In bytes. */
const SLICE_BYTES = 256 << 10

/** The headers and the body for `fetch`. */
export const makeRequestInit = async (
  body: RequestBody | undefined,
  headers: Readonly<Record<string, string>>,
  progress: BodyProgress,
): Promise<Pick<RequestInit, "headers"> & { readonly body?: BodyInit; readonly duplex?: "half" }> => {
  if (body === undefined) return { headers }
  const parts = body.parts()
  if (body.length <= (progress.leave === undefined ? WHOLE_BYTES : PIECE) && Symbol.iterator in parts) {
    await progress.leave?.(body.length)
    return { headers, body: joinParts([...parts]) as BodyInit }
  }
  return {
    // Node and Bun send this length. Deno ignores it and sends chunks.
    headers: { ...headers, "content-length": String(body.length) },
    body: streamOf(parts, progress),
    duplex: "half",
  }
}

/** A stream of the parts, in pieces that are small enough to report their progress and to keep to a limit. */
export const streamOf = (
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  progress: BodyProgress,
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
      // A copy, because the stream may transfer the memory.
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

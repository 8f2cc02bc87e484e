/** The bodies of requests. */
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import { joinParts, sizeOfParts } from "../../../stages/store/parts.ts"
import { streamOf } from "../http/request_body.ts"
import { type Meter, PIECE } from "../limit/pace.ts"

/** A body in one piece. */
export interface HashedBody {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** SHA-256 of the bytes, in hex. */
  readonly hash: string
}

/** The SHA-256 of no bytes. */
export const EMPTY_HASH: string = createHash("sha256").digest("hex")

/** Bodies from this length on, in bytes, are hashed by WebCrypto, which does not block this thread. */
const HASH_BESIDE = 256 << 10
/**
 * On Node a blob goes out in pieces, so that the body's progress resets the timer on a slow line. Deno would not send
 * the length of a blob.
 */
const sendsBlob = !("Deno" in globalThis) && !("Bun" in globalThis)
/**
 * Deno sends streams without their length, which servers refuse. There the whole body waits for a limit of bandwidth.
 */
const sendsStream = !("Deno" in globalThis)

/** Joins the parts, and hashes them. The parts must not change until the request is over. */
export const hashBody = async (parts: ReadonlyArray<Uint8Array>): Promise<HashedBody> => {
  if (sizeOfParts(parts) === 0) return { bytes: new Uint8Array(0), hash: EMPTY_HASH }
  const only = parts.length === 1 ? parts[0]! : undefined
  // Neither WebCrypto nor fetch takes shared memory.
  const bytes = isPrivate(only) ? only : joinParts(parts)
  const hash = bytes.length < HASH_BESIDE
    ? createHash("sha256").update(bytes).digest("hex")
    : Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex")
  return { bytes, hash }
}

const isPrivate = (bytes: Uint8Array | undefined): bytes is Uint8Array<ArrayBuffer> =>
  bytes !== undefined && bytes.buffer instanceof ArrayBuffer

/** Waits for a meter, until `stop`. */
export const passMeter = (meter: Meter, stop: AbortSignal) => (bytes: number): Promise<void> =>
  Effect.runPromise(meter.charge(bytes), { signal: stop })

/**
 * The body for `fetch`, within the limit of `upload`. Sets the length in the headers where the runtime does not find it
 * out by itself. Calls `sent` whenever another part is on its way.
 */
export const fetchBody = async (
  bytes: Uint8Array<ArrayBuffer>,
  headers: Headers,
  upload: Meter | undefined,
  stop: AbortSignal,
  sent: () => void,
): Promise<RequestInit & { readonly duplex?: "half" }> => {
  if (upload !== undefined) {
    const leave = passMeter(upload, stop)
    if (sendsStream && bytes.length > PIECE) {
      headers.set("content-length", String(bytes.length))
      return { body: streamOf([bytes], { moved: sent, failed: () => {}, leave }), duplex: "half" }
    }
    await leave(bytes.length)
    sent()
  }
  return { body: sendsBlob ? new Blob([bytes]) : bytes }
}

/** Reads objects, and verifies that what comes is what was asked for. */
import * as Effect from "effect/Effect"
import { type Range, StoreError, type Whole } from "../../../stages/store/store.ts"
import { resolveRange, tooLong, tooShort } from "../../../stages/store/name.ts"
import type { S3Client } from "./client.ts"
import { showS3Location } from "./location.ts"

const strange = (name: string, location: string, why: string): StoreError =>
  new StoreError({ reason: "io", object: name, message: `Cannot read "${name}" in ${location}: ${why}` })

const get = (name: string, key: string) => ({ method: "GET", doing: "read", name, key }) as const

/** All of an object, within its limit. */
export const readWhole: (
  client: S3Client,
  name: string,
  key: string,
  whole: Whole,
) => Effect.Effect<Uint8Array, StoreError> = Effect
  .fnUntraced(function* (client, name, key, { atMost }) {
    const { body, headers, status } = yield* client.send({
      ...get(name, key),
      longest: atMost,
      tooLong: (size) => tooLong(name, showS3Location(client.location), size, atMost),
    })
    if (status === 200 && headers.get("content-length") !== null) return body
    return yield* strange(
      name,
      showS3Location(client.location),
      status === 200 ? "the server does not say how long it is" : "the server sends a part of it only",
    )
  })

/** What `Content-Range` says: the first and last byte, and the size of the object. */
const contentRange = (headers: Headers) => {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers.get("content-range") ?? "")
  return match === null ? undefined : { first: Number(match[1]), last: Number(match[2]), size: Number(match[3]) }
}

/** A part of an object. A negative offset counts from the end. */
export const readRange: (
  client: S3Client,
  name: string,
  key: string,
  range: Range,
) => Effect.Effect<Uint8Array, StoreError> = Effect.fnUntraced(function* (client, name, key, range) {
  const location = showS3Location(client.location)
  const { length, offset } = range
  const sizeOf = Effect.flatMap(client.send({ method: "HEAD", doing: "read", name, key }), ({ headers }) => {
    const size = headers.get("content-length")
    return size !== null && /^\d{1,15}$/.test(size)
      ? Effect.succeed(Number(size))
      : Effect.fail(strange(name, location, "the server does not say how long it is"))
  })
  const checked = resolveRange(name, location, Number.MAX_SAFE_INTEGER, range)
  if (checked instanceof StoreError) return yield* checked
  const fromEnd = offset < 0 && length === -offset
  // No header says "none", or "from the end, but not to the end".
  if (length === 0 || (offset < 0 && !fromEnd)) {
    const found = resolveRange(name, location, yield* sizeOf, range)
    if (found instanceof StoreError) return yield* found
    return found.length === 0 ? new Uint8Array(0) : yield* readRange(client, name, key, found)
  }
  const answer = yield* client.send({
    ...get(name, key),
    headers: { range: fromEnd ? `bytes=-${length}` : `bytes=${offset}-${offset + length - 1}` },
    longest: length,
    unsatisfiable: true,
  })
  const wanted = `${length} bytes from ${offset}`
  if (answer.status === 416) return yield* tooShort(name, location, yield* sizeOf, wanted)
  const sent = contentRange(answer.headers)
  if (answer.status !== 206 || sent === undefined) {
    return yield* strange(name, location, "the server does not send the part that was asked for")
  }
  const first = fromEnd ? Math.max(0, sent.size - length) : offset
  const last = Math.min(sent.size, first + length) - 1
  if (sent.first !== first || sent.last !== last || answer.body.length !== last - first + 1) {
    return yield* strange(name, location, "the server sends another part than was asked for")
  }
  return answer.body.length === length ? answer.body : yield* tooShort(name, location, sent.size, wanted)
})

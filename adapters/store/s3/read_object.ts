/** Reads objects, and verifies that the answers hold what was requested. */
import * as Effect from "effect/Effect"
import { tooLong, tooShort } from "../../../stages/store/errors.ts"
import { resolveRange } from "../../../stages/store/resolve_part.ts"
import { operationError } from "../../../stages/store/operation.ts"
import { type ObjectInfo, type Range, StoreError, type Whole } from "../../../stages/store/store.ts"
import { contentLength, contentRange } from "../http/headers.ts"
import type { S3Client } from "./client.ts"
import { s3Key, showS3Location } from "./location.ts"

/** What servers call the type of bytes that were put without one. */
const UNTYPED = ["application/octet-stream", "binary/octet-stream"]

const badAnswer = ({ location }: S3Client, name: string, why: string): StoreError =>
  operationError({ doing: "read", name, location: showS3Location(location) }, "io", why)

/** An object, or one version of it. */
export interface ReadSubject {
  readonly name: string
  /** Absent: the version that the server takes for the object. */
  readonly versionId?: string
}

const read = ({ location }: S3Client, method: "GET" | "HEAD", { name, versionId }: ReadSubject) =>
  ({
    method,
    doing: "read",
    name,
    key: s3Key(location, name),
    ...(versionId === undefined ? {} : { query: { versionId } }),
  }) as const

/** Reads an object or a part of it. */
export const readObject = (
  client: S3Client,
  subject: ReadSubject,
  part: Range | Whole,
): Effect.Effect<Uint8Array, StoreError> =>
  "atMost" in part ? readWhole(client, subject, part) : readRange(client, subject, part)

/** The size of an object, and the type that it was put with. */
export const statObject: (client: S3Client, subject: ReadSubject) => Effect.Effect<ObjectInfo, StoreError> = Effect
  .fnUntraced(function* (client, subject) {
    const { name } = subject
    const { headers } = yield* client.send(read(client, "HEAD", subject))
    const size = contentLength(headers)
    if (size === undefined) return yield* badAnswer(client, name, "the server does not tell its length")
    const type = headers.get("content-type")
    return { name, size, ...(type === null || UNTYPED.includes(type) ? {} : { contentType: type }) }
  })

const readWhole = Effect.fnUntraced(function* (
  client: S3Client,
  subject: ReadSubject,
  { atMost }: Whole,
): Effect.fn.Return<Uint8Array, StoreError> {
  const { name } = subject
  const { body, headers, status } = yield* client.send({
    ...read(client, "GET", subject),
    longest: atMost,
    tooLong: (size) => tooLong(name, showS3Location(client.location), size, atMost),
  })
  if (status !== 200) return yield* badAnswer(client, name, "the server sends only a part of it")
  // Without a length, nobody knows whether the connection ended early.
  if (!headers.has("content-length")) return yield* badAnswer(client, name, "the server does not tell its length")
  return body
})

/** Reads a part of an object. A negative offset counts from the end. */
const readRange: (client: S3Client, subject: ReadSubject, range: Range) => Effect.Effect<Uint8Array, StoreError> =
  Effect
    .fnUntraced(function* (client, subject, range) {
      const { name } = subject
      const location = showS3Location(client.location)
      const { length, offset } = range
      const checked = resolveRange(name, location, Number.MAX_SAFE_INTEGER, range)
      if (checked instanceof StoreError) return yield* checked
      const fromEnd = offset < 0 && length === -offset
      // A range header cannot ask for no bytes, nor for bytes counted from the end that stop before it.
      if (length === 0 || (offset < 0 && !fromEnd)) {
        const found = resolveRange(name, location, (yield* statObject(client, subject)).size, range)
        if (found instanceof StoreError) return yield* found
        return found.length === 0 ? new Uint8Array(0) : yield* readRange(client, subject, found)
      }
      const answer = yield* client.send({
        ...read(client, "GET", subject),
        headers: { range: fromEnd ? `bytes=-${length}` : `bytes=${offset}-${offset + length - 1}` },
        longest: length,
        unsatisfiable: true,
      })
      const wanted = `${length} bytes from ${offset}`
      if (answer.status === 416) {
        return yield* tooShort(name, location, (yield* statObject(client, subject)).size, wanted)
      }
      const sent = contentRange(answer.headers)
      if (answer.status !== 206 || sent === undefined) {
        return yield* badAnswer(client, name, "the server does not send the requested part")
      }
      const first = fromEnd ? Math.max(0, sent.size - length) : offset
      const last = Math.min(sent.size, first + length) - 1
      if (sent.first !== first || sent.last !== last || answer.body.length !== last - first + 1) {
        return yield* badAnswer(client, name, "the server sends another part than the requested one")
      }
      return answer.body.length === length ? answer.body : yield* tooShort(name, location, sent.size, wanted)
    })

/** Objects at URLs, read whole or in ranges. */
import * as Effect from "effect/Effect"
import { absent } from "../../../stages/store/absent.ts"
import { type ObjectInfo, type Range, StoreError, type Whole } from "../../../stages/store/store.ts"
import { resolveRange, resolveWhole } from "../../../stages/store/name.ts"
import { problem } from "./failure.ts"
import { type HttpHead, type HttpOptions, send } from "./request.ts"
import type { Wanted } from "./response_body.ts"
import type { Subject } from "./status.ts"

/** A range that ends that far from the end of the object is asked for by its size, not from its end. */
const TAIL_BYTES = 1 << 20

/** Size of an object. Fails with `not-found`, also where a directory is. */
export const statObject: (http: HttpOptions, url: URL, name: string) => Effect.Effect<ObjectInfo, StoreError> = Effect
  .fnUntraced(function* (http, url, name) {
    const { length } = yield* send(http, { doing: "read", name, method: "HEAD", url, expect: [200] })
    if (length !== undefined) return { name, size: length }
    // Apache leaves it out of answers to HEAD when it is 0.
    const first = yield* send(http, {
      doing: "read",
      name,
      method: "GET",
      url,
      headers: { range: "bytes=0-0" },
      expect: [200, 206, 416],
    })
    const size = first.status === 200 ? first.length : sizeOf(first)
    return size === undefined ? yield* noLength({ doing: "read", name, location: http.location }) : { name, size }
  })

const noLength = (subject: Subject): StoreError => problem(subject, "io", "the server does not say how long it is")

/**
 * An object, or part of it. That the server sent what was asked for is verified: a cut answer is `unavailable`, one
 * that is something else `io`. From a server that ignores ranges the part is cut out of all that it sends.
 */
export const getObject: (
  http: HttpOptions,
  url: URL,
  name: string,
  wanted: Range | Whole,
) => Effect.Effect<Uint8Array, StoreError> = Effect.fnUntraced(function* (http, url, name, wanted) {
  const { location } = http
  const subject: Subject = { doing: "read", name, location }
  if ("atMost" in wanted) {
    const want = ({ length }: HttpHead): Wanted => {
      if (length === undefined) throw noLength(subject)
      const whole = resolveWhole(name, location, length, wanted)
      if ("_tag" in whole) throw whole
      return { skip: 0, length }
    }
    return (yield* send(http, { ...subject, method: "GET", url, expect: [200], want })).body
  }
  const range = wanted
  // The size is of no matter to whether it is a range at all.
  const problemOfRange = resolveRange(name, location, Number.MAX_SAFE_INTEGER, range)
  if ("_tag" in problemOfRange && problemOfRange.reason === "invalid") return yield* problemOfRange
  if (range.length === 0 || -range.offset - range.length > TAIL_BYTES) {
    const { size } = yield* statObject(http, url, name)
    const part = resolveRange(name, location, size, range)
    if ("_tag" in part) return yield* part
    return part.length === 0 ? new Uint8Array(0) : yield* getPart(http, url, subject, part)
  }
  return yield* getPart(http, url, subject, range)
})

/** At least one byte. */
const getPart = (
  http: HttpOptions,
  url: URL,
  subject: Subject,
  range: Range,
): Effect.Effect<Uint8Array, StoreError> => {
  const { offset, length } = range
  const asked = offset < 0 ? `bytes=${offset}` : `bytes=${offset}-${offset + length - 1}`
  const resolved = (size: number): Range => {
    const part = resolveRange(subject.name, subject.location, size, range)
    if ("_tag" in part) throw part
    return part
  }
  const want = (head: HttpHead): Wanted => {
    if (head.status === 416) {
      // Some do not say the size.
      throw disagreement(resolved(sizeOf(head) ?? 0), subject)
    }
    if (head.status === 200) {
      if (head.length === undefined) throw noLength(subject)
      const part = resolved(head.length)
      return { skip: part.offset, length: part.length }
    }
    const [from, to, size] = contentRange(head, subject)
    const part = resolved(size)
    const wantedFrom = offset < 0 ? Math.max(0, size + offset) : offset
    const wantedTo = offset < 0 ? size - 1 : offset + length - 1
    if (from !== wantedFrom || to !== wantedTo || (head.length !== undefined && head.length !== to - from + 1)) {
      throw disagreement(part, subject)
    }
    return { skip: part.offset - from, length: part.length }
  }
  return Effect.map(
    send(http, { ...subject, method: "GET", url, headers: { range: asked }, expect: [200, 206, 416], want }),
    ({ body }) => body,
  )
}

/** The size of the whole object that a partial answer says, or one that has no part. */
const sizeOf = ({ headers }: HttpHead): number | undefined => {
  const size = /^bytes (?:\d+-\d+|\*)\/(\d{1,15})$/.exec(headers.get("content-range") ?? "")?.[1]
  return size === undefined ? undefined : Number(size)
}

/** First byte, last byte and size of the object that a partial answer says. */
const contentRange = ({ headers }: HttpHead, subject: Subject): readonly [number, number, number] => {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers.get("content-range") ?? "")
  if (match === null) throw problem(subject, "io", "the server sends a part and does not say which")
  return [Number(match[1]), Number(match[2]), Number(match[3])]
}

const disagreement = (part: Range, subject: Subject): StoreError =>
  problem(
    subject,
    "io",
    `the server sends another part than the ${part.length} bytes from ${part.offset} that are asked for`,
  )

/** Whether there is an object. */
export const hasObject = (http: HttpOptions, url: URL, name: string): Effect.Effect<boolean, StoreError> =>
  Effect.map(
    absent(send(http, { doing: "write", name, method: "HEAD", url, expect: [200] })),
    (answer) => answer !== undefined,
  )

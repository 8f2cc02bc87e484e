/** Reads objects at URLs, whole or in part. */
import * as Effect from "effect/Effect"
import { resolveRange, resolveWhole } from "../../../stages/store/resolve_part.ts"
import { absent } from "../../../stages/store/absent.ts"
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import type { ObjectInfo, Range, StoreError, Whole } from "../../../stages/store/store.ts"
import { contentRange } from "./headers.ts"
import { type HttpHead, type HttpOptions, send } from "./request.ts"
import type { Wanted } from "./response_body.ts"

/** A range that ends farther than this from the end of the object needs the size of the object first. In bytes. */
const TAIL_BYTES = 1 << 20

/** The size of an object. Fails with `not-found`, also if the name is that of a directory. */
export const statObject: (http: HttpOptions, url: URL, name: string) => Effect.Effect<ObjectInfo, StoreError> = Effect
  .fnUntraced(function* (http, url, name) {
    const { length } = yield* send(http, { doing: "read", name, method: "HEAD", url, expect: [200] })
    if (length !== undefined) return { name, size: length }
    // Apache leaves a length of 0 out of answers to HEAD.
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

const noLength = (operation: Operation): StoreError =>
  operationError(operation, "io", "the server does not tell its length")

/**
 * Reads an object or a part of it. The answer is compared with the request: one that was cut off is `unavailable`, one
 * that holds other bytes is `io`. If the server ignores ranges, the part is cut out of the whole object.
 */
export const getObject: (
  http: HttpOptions,
  url: URL,
  name: string,
  wanted: Range | Whole,
) => Effect.Effect<Uint8Array, StoreError> = Effect.fnUntraced(function* (http, url, name, wanted) {
  const { location } = http
  const operation: Operation = { doing: "read", name, location }
  if ("atMost" in wanted) {
    const want = ({ length }: HttpHead): Wanted => {
      if (length === undefined) throw noLength(operation)
      const whole = resolveWhole(name, location, length, wanted)
      if ("_tag" in whole) throw whole
      return { skip: 0, length }
    }
    return (yield* send(http, { ...operation, method: "GET", url, expect: [200], want })).body
  }
  const range = wanted
  // An invalid range is refused before any request, whatever the size of the object.
  const checked = resolveRange(name, location, Number.MAX_SAFE_INTEGER, range)
  if ("_tag" in checked && checked.reason === "invalid") return yield* checked
  if (range.length === 0 || -range.offset - range.length > TAIL_BYTES) {
    const { size } = yield* statObject(http, url, name)
    const part = resolveRange(name, location, size, range)
    if ("_tag" in part) return yield* part
    return part.length === 0 ? new Uint8Array(0) : yield* getPart(http, url, operation, part)
  }
  return yield* getPart(http, url, operation, range)
})

/** Reads at least one byte. */
const getPart = (
  http: HttpOptions,
  url: URL,
  operation: Operation,
  range: Range,
): Effect.Effect<Uint8Array, StoreError> => {
  const { offset, length } = range
  const asked = offset < 0 ? `bytes=${offset}` : `bytes=${offset}-${offset + length - 1}`
  const resolved = (size: number): Range => {
    const part = resolveRange(operation.name, operation.location, size, range)
    if ("_tag" in part) throw part
    return part
  }
  const want = (head: HttpHead): Wanted => {
    if (head.status === 416) {
      // Some servers do not tell the size.
      throw disagreement(resolved(sizeOf(head) ?? 0), operation)
    }
    if (head.status === 200) {
      if (head.length === undefined) throw noLength(operation)
      const part = resolved(head.length)
      return { skip: part.offset, length: part.length }
    }
    const sent = contentRange(head.headers)
    if (sent === undefined) {
      throw operationError(operation, "io", "the server sends a part and does not tell which")
    }
    const { first, last, size } = sent
    const part = resolved(size)
    const wantedFirst = offset < 0 ? Math.max(0, size + offset) : offset
    const wantedLast = offset < 0 ? size - 1 : offset + length - 1
    const isOther = first !== wantedFirst || last !== wantedLast
    if (isOther || (head.length !== undefined && head.length !== last - first + 1)) throw disagreement(part, operation)
    return { skip: part.offset - first, length: part.length }
  }
  return Effect.map(
    send(http, { ...operation, method: "GET", url, headers: { range: asked }, expect: [200, 206, 416], want }),
    ({ body }) => body,
  )
}

/** The size of the whole object, from an answer that holds a part of it or none. */
const sizeOf = ({ headers }: HttpHead): number | undefined => {
  const size = /^bytes (?:\d+-\d+|\*)\/(\d{1,15})$/.exec(headers.get("content-range") ?? "")?.[1]
  return size === undefined ? undefined : Number(size)
}

const disagreement = (part: Range, operation: Operation): StoreError =>
  operationError(
    operation,
    "io",
    `the server sends another part than the requested ${part.length} bytes from ${part.offset}`,
  )

/** Whether there is an object of that name. */
export const hasObject = (http: HttpOptions, url: URL, name: string): Effect.Effect<boolean, StoreError> =>
  Effect.map(
    absent(send(http, { doing: "write", name, method: "HEAD", url, expect: [200] })),
    (answer) => answer !== undefined,
  )

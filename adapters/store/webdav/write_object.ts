/** Writes whole objects. */
import * as Effect from "effect/Effect"
import { alreadyExists } from "../../../stages/store/errors.ts"
import { TEMPORARY } from "../../../stages/store/name.ts"
import { operationError } from "../../../stages/store/operation.ts"
import type { StoreError, WriteOptions } from "../../../stages/store/store.ts"
import { hasObject } from "../http/read_object.ts"
import { type HttpOptions, send } from "../http/request.ts"
import type { RequestBody } from "../http/request_body.ts"
import { type ClaimOptions, withClaim } from "./claim.ts"
import { collectionsOf } from "./collections.ts"
import { deleteUrl } from "./delete.ts"
import { removeLeftovers } from "./leftovers.ts"
import { objectUrl, toServerName } from "./names.ts"

/** Writes an object, create-only unless the options say otherwise. */
export type WriteObject = (
  name: string,
  body: RequestBody,
  options?: WriteOptions,
) => Effect.Effect<void, StoreError>

/** Beyond this size in bytes, a request that asks whether the name is taken is worth the upload that it may save. */
const LOOK_FIRST_BYTES = 64 << 10
/** The longest silence of the server while a failed write is cleaned up, in milliseconds. */
const CLEAN_UP_MS = 10_000

/** The writes to the store at `root`. The first of them removes the leftovers of killed writers. */
export const makeWriteObject = (http: HttpOptions, root: URL, claims: ClaimOptions | undefined): WriteObject => {
  const { location } = http
  const collections = collectionsOf(http, root)
  const cleanUp: HttpOptions = { ...http, idle: Math.min(http.idle ?? Infinity, CLEAN_UP_MS) }

  /** Puts a body at `path`, which is the name of the object or a temporary one. */
  const upload = (path: string, name: string, body: RequestBody, headers: Readonly<Record<string, string>>) =>
    collections.around(
      toServerName(path),
      send(http, {
        doing: "write",
        name,
        method: "PUT",
        url: objectUrl(root, path),
        headers: { "content-type": "application/octet-stream", ...headers },
        body,
        expect: [200, 201, 204],
      }),
    ).pipe(
      Effect.mapError((error) => {
        if (error.reason === "exists") return alreadyExists(name, location)
        if (error.reason !== "not-found") return error
        const why = "the server does not find the place for it (HTTP status 404)"
        return operationError({ doing: "write", name, location }, "io", why)
      }),
    )

  /** Moves a temporary object to its name, unless that is taken. */
  const move = (temporary: string, name: string) =>
    collections.around(
      toServerName(name),
      send(http, {
        doing: "write",
        name,
        method: "MOVE",
        url: objectUrl(root, temporary),
        headers: { destination: objectUrl(root, name).href, overwrite: "F" },
        expect: [200, 201, 204],
      }).pipe(
        Effect.mapError((error) => {
          if (error.reason === "exists") return alreadyExists(name, location)
          if (error.reason !== "not-found") return error
          return operationError({ doing: "write", name, location }, "unavailable", "its temporary object vanished")
        }),
      ),
    )

  const createOnly = Effect.fnUntraced(function* (name: string, body: RequestBody) {
    const url = objectUrl(root, name)
    // This only saves an upload. It is decided later, under a claim.
    if (body.length > LOOK_FIRST_BYTES && (yield* hasObject(http, url, name))) {
      return yield* alreadyExists(name, location)
    }
    const temporary = `${TEMPORARY}/${crypto.randomUUID()}`
    // Once the temporary object is gone, a move whose answer was lost is either done or will never be.
    const settle = Effect.suspend(() => deleteUrl(cleanUp, objectUrl(root, temporary), name))
    const work = Effect.asVoid(move(temporary, name))
    yield* upload(temporary, name, body, {}).pipe(
      Effect.andThen(withClaim(http, root, collections, url, name, { work, settle }, claims)),
      Effect.onError(() => Effect.ignore(settle)),
    )
  })

  let cleaned = false
  const clean = Effect.suspend(() => {
    if (cleaned) return Effect.void
    cleaned = true
    return removeLeftovers(http, root)
  })
  return (name, body, options) =>
    Effect.andThen(
      clean,
      options?.replace
        ? upload(name, name, body, {})
        : options?.unique
        ? upload(name, name, body, { "if-none-match": "*" })
        : createOnly(name, body),
    ).pipe(Effect.asVoid)
}

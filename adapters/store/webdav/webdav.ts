/** Objects on a WebDAV server (RFC 4918), over `fetch`, on Node, Deno and Bun. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import {
  type ObjectInfo,
  ObjectStore,
  type ObjectWriter,
  StoreError,
  type StoreGuarantees,
  type WriteOptions,
} from "../../../stages/store/store.ts"
import { addressOf, type Login } from "../http/credentials.ts"
import { problem } from "../http/failure.ts"
import { getObject, hasObject, statObject } from "../http/read_object.ts"
import { type HttpOptions, type HttpRequest, send } from "../http/request.ts"
import type { RequestBody } from "../http/request_body.ts"
import { childName, type Directory, walkDirectories } from "../http/walk.ts"
import { alreadyExists, directoryError, nameError, TEMPORARY, writerError } from "../../../stages/store/name.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"
import { type ClaimOptions, withClaim } from "./claim.ts"
import { collectionsOf, makeCollection } from "./collections.ts"
import { removeLeftovers } from "./leftovers.ts"
import { propfind } from "./propfind.ts"
import { scratchError } from "../../files/scratch.ts"
import { makeSpool } from "./spool.ts"

/** How to open a collection as a store. */
export interface WebdavStoreOptions {
  /** Make the collection, and what is missing above it, when it is not there. Otherwise its absence is an error. */
  readonly create?: boolean
  /**
   * Whom it is opened for; by default the user of the URL or `PENSTOCK_WEBDAV_USER`, with `PENSTOCK_WEBDAV_PASSWORD`.
   */
  readonly login?: Login
  /** How long no byte may move, in milliseconds. 60,000 by default. */
  readonly idle?: number
  /** How claims of names last; for tests. */
  readonly claims?: ClaimOptions
}

/** What it guarantees. */
export const webdavGuarantees: StoreGuarantees = {
  atomicCreate: true,
  durable: false,
  remote: true,
  paced: true,
  connections: 8,
}

const LOOK_FIRST_BYTES = 64 << 10
const CLEAN_UP_MS = 10_000

const store = (http: HttpOptions, root: URL, claims: ClaimOptions | undefined): ObjectStore => {
  const { location } = http
  const collections = collectionsOf(http, root)
  const urlOf = (name: string): URL => new URL(root.href + shown(name))
  const named = <A, R>(name: string, work: () => Effect.Effect<A, StoreError, R>): Effect.Effect<A, StoreError, R> =>
    Effect.suspend(() => {
      const error = nameError(name)
      return error ? Effect.fail(error) : work()
    })
  const upload = (path: string, name: string, body: RequestBody, headers: Readonly<Record<string, string>>) =>
    collections.around(
      shown(path),
      send(http, {
        doing: "write",
        name,
        method: "PUT",
        url: urlOf(path),
        headers: { "content-type": "application/octet-stream", ...headers },
        body,
        expect: [200, 201, 204],
      }),
    ).pipe(
      Effect.mapError((error) =>
        error.reason === "exists" ? alreadyExists(name, location) : error.reason === "not-found"
          ? problem(
            { doing: "write", name, location },
            "io",
            "the server does not find the place for it (HTTP status 404)",
          )
          : error
      ),
    )
  const deletion = (path: string, name: string): HttpRequest => ({
    doing: "remove",
    name,
    method: "DELETE",
    url: urlOf(path),
    expect: [200, 204, 404],
  })
  // Who gives up does not wait for long.
  const quick: HttpOptions = { ...http, idle: Math.min(http.idle ?? Infinity, CLEAN_UP_MS) }

  let cleaned = false
  const clean = Effect.suspend(() => {
    if (cleaned) return Effect.void
    cleaned = true
    return removeLeftovers(http, root)
  })
  const createOnly = Effect.fnUntraced(function* (name: string, body: RequestBody) {
    // It is looked for again later on: this spares a long upload.
    if (body.length > LOOK_FIRST_BYTES && (yield* hasObject(http, urlOf(name), name))) {
      return yield* alreadyExists(name, location)
    }
    const temporary = `${TEMPORARY}/${crypto.randomUUID()}`
    const move = collections.around(
      shown(name),
      send(http, {
        doing: "write",
        name,
        method: "MOVE",
        url: urlOf(temporary),
        headers: { destination: urlOf(name).href, overwrite: "F" },
        expect: [200, 201, 204],
      }).pipe(
        Effect.mapError((error) =>
          error.reason === "exists"
            ? alreadyExists(name, location)
            : error.reason === "not-found"
            ? problem({ doing: "write", name, location }, "unavailable", "its temporary object vanished")
            : error
        ),
      ),
    ).pipe(Effect.asVoid)
    // Without the temporary object, a move whose answer got lost has been done or never will be.
    const settle = Effect.suspend(() => send(quick, deletion(temporary, name)))
    yield* upload(temporary, name, body, {}).pipe(
      Effect.andThen(withClaim(http, root, collections, urlOf(name), name, { work: move, settle }, claims)),
      Effect.onError(() => Effect.ignore(settle)),
    )
  })
  const write = (name: string, body: RequestBody, options?: WriteOptions): Effect.Effect<void, StoreError> =>
    Effect.andThen(
      clean,
      options?.replace
        ? upload(name, name, body, {})
        : options?.unique
        ? upload(name, name, body, { "if-none-match": "*" })
        : createOnly(name, body),
    ).pipe(Effect.asVoid)

  return {
    properties: { ...webdavGuarantees, location },
    put: (name, parts, options) =>
      named(name, () => write(name, { length: sizeOfParts(parts), parts: () => parts }, options)),
    create: (name, options) => named(name, () => Effect.map(writerOf(name, location), (make) => make(write, options))),
    get: (name, part) => named(name, () => getObject(http, urlOf(name), name, part)),
    stat: (name) => named(name, () => statObject(http, urlOf(name), name)),
    list: (directory) =>
      Stream.suspend(() => {
        const error = directoryError(directory)
        return error
          ? Stream.fail(error)
          : walkDirectories(directory, location, (name) => readCollection(http, root, name))
      }),
    remove: (name) =>
      named(name, () =>
        // DELETE of a collection takes all that is in it, so it is looked at first.
        propfind(http, urlOf(name), 0, { doing: "remove", name }).pipe(
          Effect.flatMap(({ resources }) =>
            resources.some(({ collection }) => collection)
              ? Effect.void
              : Effect.asVoid(send(http, deletion(name, name)))
          ),
          Effect.catch((error) => vanished(error) ? failIfThere(http, urlOf(name), name, error) : Effect.fail(error)),
        )),
  }
}

/**
 * A name as the server has it: nginx lists nothing that begins with a dot, so such components get a comma before it,
 * which no name of an object has.
 */
const shown = (name: string): string => name.replace(/(^|\/)\./g, "$1,.")
const hidden = (component: string): string => component.startsWith(",.") ? component.slice(1) : component

/** Apache says 400 of what would lie beneath an object. */
const vanished = ({ message, reason }: StoreError): boolean =>
  reason === "not-found" || message.endsWith("(HTTP status 400)")

const failIfThere = (http: HttpOptions, url: URL, name: string, error: StoreError): Effect.Effect<void, StoreError> =>
  error.reason === "not-found"
    ? Effect.void
    : Effect.flatMap(hasObject(http, url, name), (there) => there ? Effect.fail(error) : Effect.void)

/** Gathers an object, and writes it at the commit: that may be tried again when it fails. */
const writerOf = (name: string, location: string) =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => makeSpool()), (spool) => Effect.promise(spool.discard)),
    (spool) =>
    (
      write: (name: string, body: RequestBody, options?: WriteOptions) => Effect.Effect<void, StoreError>,
      options: WriteOptions | undefined,
    ): ObjectWriter => {
      let state: "whole" | "broken" | "finished" = "whole"
      return {
        append: (bytes) =>
          Effect.suspend(() => {
            if (state !== "whole") return Effect.fail(writerError(name, state))
            state = "broken"
            return Effect.tryPromise({
              try: async () => {
                await spool.append(bytes)
                state = "whole"
              },
              // It is this machine that has no room, not the store.
              catch: (cause) =>
                new StoreError({
                  reason: "io",
                  object: name,
                  message: scratchError(`what is on its way to ${location}`, cause),
                  cause,
                }),
            }).pipe(Effect.uninterruptible)
          }),
        commit: Effect.suspend(() =>
          state !== "whole"
            ? Effect.fail(writerError(name, state))
            : Effect.map(write(name, spool.body(), options), () => {
              state = "finished"
            })
        ),
      }
    },
  )

const readCollection = Effect.fnUntraced(function* (
  http: HttpOptions,
  root: URL,
  directory: string,
): Effect.fn.Return<Directory | undefined, StoreError> {
  const subject = { doing: "list", name: directory }
  const found = yield* propfind(http, new URL(root.href + shown(directory)), 1, subject).pipe(
    // Apache says 400 when an object has that name.
    Effect.catch((error) => directory !== "" && vanished(error) ? Effect.succeed(undefined) : Effect.fail(error)),
  )
  if (found?.resources.some(({ path, collection }) => path.length === 0 && collection) !== true) return undefined
  const objects: Array<ObjectInfo> = []
  const directories: Array<string> = []
  for (const { collection, path, size } of found.resources) {
    const name = path.length === 1 ? childName(directory, hidden(path[0]!)) : undefined
    if (name === undefined) continue
    if (collection) directories.push(`${name}/`)
    else {objects.push(
        size === undefined ? yield* statObject(http, new URL(root.href + shown(name)), name) : { name, size },
      )}
  }
  return { objects, directories }
})

/** Makes the collection of the store, and those above it that are missing. */
const makeRoot = (http: HttpOptions, url: URL): Effect.Effect<unknown, StoreError> =>
  Effect.catch(makeCollection(http, url, ""), (error) => {
    const above = new URL("..", url)
    return error.message.endsWith("(HTTP status 409)") && above.pathname !== url.pathname
      ? Effect.andThen(makeRoot(http, above), makeCollection(http, url, ""))
      : Effect.fail(error)
  })

const make: (location: string, options?: WebdavStoreOptions) => Effect.Effect<ObjectStore, StoreError> = Effect
  .fnUntraced(function* (location, options) {
    const plain = location.replace(/^webdav[+:]/i, "")
    const clear = /^webdav\+/i.test(location)
    const { authorization, url } = yield* addressOf(plain, "PENSTOCK_WEBDAV_", clear, options?.login)
    const http: HttpOptions = {
      location: `webdav+${url.href}`,
      ...(authorization === undefined ? {} : { authorization }),
      ...(options?.idle === undefined ? {} : { idle: options.idle }),
    }
    const look = propfind(http, url, 0, { doing: "open", name: "" })
    const { resources } = yield* Effect.catch(look, (error) => {
      if (error.reason !== "not-found") return Effect.fail(error)
      return options?.create === true
        ? Effect.andThen(makeRoot(http, url), look)
        : Effect.fail(new StoreError({ ...error, message: `There is no collection ${http.location}` }))
    })
    if (!resources.some(({ collection }) => collection)) {
      return yield* problem({ doing: "open", name: "", location: http.location }, "io", "it is not a collection")
    }
    return store(http, url, options?.claims)
  })

/**
 * A store in a collection of a WebDAV server, by `webdav+https://user@host/path` or `webdav+http://…` (which sends the
 * password in the clear).
 *
 * - `put` with `replace` or `unique` is one PUT. nginx and Apache write it to a temporary file, so that an object is
 *   there whole or not at all; what other servers do with a broken upload is up to them.
 * - Any other `put` is create-only on every server: see `claim.ts`. It takes some six requests.
 * - A writer gathers its object, in memory up to 8 MiB and beyond that in a temporary file of this machine, and sends
 *   it at the commit, which may be called again after it failed.
 * - What is left in `tmp/` for more than a day is removed before the first write.
 * - Nothing tells when the server has it on the disk, so it is not `durable`.
 */
export const webdavStore: {
  /**
   * Opens a collection. Fails with `not-found` when it is not there and `create` is not given, `invalid` for a URL that
   * is none.
   */
  readonly make: (location: string, options?: WebdavStoreOptions) => Effect.Effect<ObjectStore, StoreError>
  /** The same as a layer. */
  readonly layer: (location: string, options?: WebdavStoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (location, options) => Layer.effect(ObjectStore, make(location, options)),
}

/** Objects on a WebDAV server (RFC 4918), by `fetch`, on Node, Deno and Bun. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { operationError } from "../../../stages/store/operation.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"
import { ObjectStore, StoreError, type StoreGuarantees } from "../../../stages/store/store.ts"
import { withDirectory, withName } from "../../../stages/store/with_name.ts"
import { type Login, readAddress } from "../http/address.ts"
import { getObject, statObject } from "../http/read_object.ts"
import type { HttpOptions } from "../http/request.ts"
import type { ClaimOptions } from "./claim.ts"
import { makeRoot } from "./collections.ts"
import { removeObject } from "./delete.ts"
import { listObjects } from "./listing.ts"
import { objectUrl } from "./names.ts"
import { propfind } from "./propfind.ts"
import { makeWriteObject } from "./write_object.ts"
import { makeWriter } from "./writer.ts"

/** How to open a collection as a store. */
export interface WebdavStoreOptions {
  /** Make the collection, and missing ones above it, if it does not exist. Otherwise that is an error. */
  readonly create?: boolean
  /**
   * The user and password. By default the user of the URL or of `PENSTOCK_WEBDAV_USER`, and the password of
   * `PENSTOCK_WEBDAV_PASSWORD`.
   */
  readonly login?: Login
  /** How long no byte may move before a request fails, in milliseconds. 60,000 by default. */
  readonly idle?: number
}

/** The properties of every such store. */
export const webdavGuarantees: StoreGuarantees = {
  atomicCreate: true,
  durable: false,
  remote: true,
  paced: true,
  connections: 8,
}

const makeStore = (http: HttpOptions, root: URL, claims: ClaimOptions | undefined): ObjectStore => {
  const { location } = http
  const write = makeWriteObject(http, root, claims)
  return {
    properties: { ...webdavGuarantees, location },
    put: (name, parts, options) =>
      withName(name, () => write(name, { length: sizeOfParts(parts), parts: () => parts }, options)),
    create: (name, options) => withName(name, () => makeWriter(location, name, write, options)),
    get: (name, part) => withName(name, () => getObject(http, objectUrl(root, name), name, part)),
    stat: (name) => withName(name, () => statObject(http, objectUrl(root, name), name)),
    list: (directory) => withDirectory(directory, () => listObjects(http, root, directory)),
    remove: (name) => withName(name, () => removeObject(http, root, name)),
  }
}

/** Opens a collection, see {@link webdavStore}. Tests choose how long claims of names last. */
export const openWebdav: (
  location: string,
  options?: WebdavStoreOptions,
  claims?: ClaimOptions,
) => Effect.Effect<ObjectStore, StoreError> = Effect
  .fnUntraced(function* (location, options, claims) {
    const { authorization, url } = yield* readAddress(location.replace(/^webdav[+:]/i, ""), {
      variables: "PENSTOCK_WEBDAV_",
      unencrypted: /^webdav\+/i.test(location),
      login: options?.login,
    })
    const http: HttpOptions = {
      location: `webdav+${url.href}`,
      ...(authorization === undefined ? {} : { authorization }),
      ...(options?.idle === undefined ? {} : { idle: options.idle }),
    }
    const look = propfind(http, url, 0, { doing: "open", name: "" })
    const { resources } = yield* Effect.catch(look, (error) => {
      if (error.reason !== "not-found") return Effect.fail(error)
      return options?.create === true ? Effect.andThen(makeRoot(http, url), look) : Effect.fail(
        new StoreError({ reason: "not-found", object: "", message: `There is no collection ${http.location}` }),
      )
    })
    if (!resources.some(({ collection }) => collection)) {
      return yield* operationError(
        { doing: "open", name: "", location: http.location },
        "io",
        "it is not a collection",
      )
    }
    return makeStore(http, url, claims)
  })

/**
 * A store in a collection of a WebDAV server, by `webdav+https://user@host/path` or `webdav+http://…`. The latter sends
 * the password unencrypted.
 *
 * - A `put` with `replace` or `unique` is one PUT. nginx and Apache write it to a temporary file, so readers see the
 *   whole object or nothing. Other servers may keep part of an upload that broke off.
 * - Any other `put` is create-only on every server; `claim.ts` says how. It takes about six requests.
 * - A writer gathers its object, in memory up to 8 MiB and beyond that in a temporary file of this machine. It sends
 *   the object at the commit, which may be called again if it failed.
 * - The first write removes leftovers in `tmp/` that are older than a day.
 * - The store is not `durable`, because the server does not tell when an object is on its disk.
 *
 * @example Open a collection, with the password in `PENSTOCK_WEBDAV_PASSWORD`
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { webdavStore } from "@penstock/penstock/adapters"
 *
 * // The location holds no secrets: this one is refused before any request.
 * const error = await Effect.runPromise(Effect.flip(webdavStore.make("webdav+https://me:secret@host.example/backups")))
 * assert.equal(error.reason, "invalid")
 * ```
 */
export const webdavStore: {
  /**
   * Opens a collection. Fails with `not-found` if it does not exist and `create` is not set, and with `invalid` if the
   * location is not a URL.
   */
  readonly make: (location: string, options?: WebdavStoreOptions) => Effect.Effect<ObjectStore, StoreError>
  /** The same as a layer. */
  readonly layer: (location: string, options?: WebdavStoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make: (location, options) => openWebdav(location, options),
  layer: (location, options) => Layer.effect(ObjectStore, openWebdav(location, options)),
}

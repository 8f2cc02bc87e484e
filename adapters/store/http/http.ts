/** Objects on any web server, for reading only, by `fetch`, on Node, Deno and Bun. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { operationError } from "../../../stages/store/operation.ts"
import { ObjectStore, type StoreError, type StoreGuarantees } from "../../../stages/store/store.ts"
import { withDirectory, withName } from "../../../stages/store/with_name.ts"
import { type Login, readAddress } from "./address.ts"
import { listObjects } from "./listing.ts"
import { getObject, statObject } from "./read_object.ts"
import type { HttpOptions } from "./request.ts"

/** How to open a directory of a web server as a store. */
export interface HttpStoreOptions {
  /**
   * The user and password. By default the user of the URL or of `PENSTOCK_HTTP_USER`, and the password of
   * `PENSTOCK_HTTP_PASSWORD`.
   */
  readonly login?: Login
  /** How long no byte may move before a request fails, in milliseconds. 60,000 by default. */
  readonly idle?: number
}

/** The properties of every such store. */
export const httpGuarantees: StoreGuarantees = {
  atomicCreate: false,
  durable: false,
  remote: true,
  paced: true,
  readOnly: true,
  connections: 8,
}

const makeStore = (http: HttpOptions, root: URL): ObjectStore => {
  const { location } = http
  const urlOf = (name: string): URL => new URL(root.href + name)
  const refuse = (name: string): Effect.Effect<never, StoreError> =>
    withName(name, () =>
      Effect.fail(
        operationError(
          { doing: "change", name, location },
          "denied",
          "a repository on http: or https: is read-only",
        ),
      ))
  return {
    properties: { ...httpGuarantees, location },
    put: refuse,
    create: refuse,
    remove: refuse,
    get: (name, part) => withName(name, () => getObject(http, urlOf(name), name, part)),
    stat: (name) => withName(name, () => statObject(http, urlOf(name), name)),
    list: (directory) => withDirectory(directory, () => listObjects(http, root, directory)),
  }
}

const make: (location: string, options?: HttpStoreOptions) => Effect.Effect<ObjectStore, StoreError> = Effect
  .fnUntraced(
    function* (location, options) {
      const { authorization, url } = yield* readAddress(location, {
        variables: "PENSTOCK_HTTP_",
        unencrypted: false,
        login: options?.login,
      })
      return makeStore({
        location: url.href,
        ...(authorization === undefined ? {} : { authorization }),
        ...(options?.idle === undefined ? {} : { idle: options.idle }),
      }, url)
    },
  )

/**
 * A store on a web server, by `https://host/path` or `http://…`. It is read-only: every write fails with `denied`.
 *
 * - A part of an object is requested as a range. If the server ignores that, the part is cut out of the whole object,
 *   which takes longer.
 * - The objects are those in `OBJECTS.txt` at the top of the store, if it exists. Otherwise they come from the pages
 *   that the server makes for directories, and the size of each object is one more request.
 *
 * @example Open a public repository for reading
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { httpStore } from "@penstock/penstock/adapters"
 *
 * const store = await Effect.runPromise(httpStore.make("https://backups.example/laptop")) // makes no request
 * assert.equal(store.properties.location, "https://backups.example/laptop/")
 * assert.equal(store.properties.readOnly, true)
 * ```
 */
export const httpStore: {
  /** Opens a URL, without a request. Fails with `invalid` if it is not one. */
  readonly make: (location: string, options?: HttpStoreOptions) => Effect.Effect<ObjectStore, StoreError>
  /** The same as a layer. */
  readonly layer: (location: string, options?: HttpStoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (location, options) => Layer.effect(ObjectStore, make(location, options)),
}

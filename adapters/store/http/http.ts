/** Objects on any web server, for reading only, over `fetch`, on Node, Deno and Bun. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { absent } from "../../../stages/store/absent.ts"
import { type ObjectInfo, ObjectStore, type StoreError, type StoreGuarantees } from "../../../stages/store/store.ts"
import { directoryError, nameError } from "../../../stages/store/name.ts"
import { addressOf, type Login } from "./credentials.ts"
import { problem } from "./failure.ts"
import { linksOf } from "./html.ts"
import { MANIFEST, ManifestError, parseManifest } from "./manifest.ts"
import { getObject, statObject } from "./read_object.ts"
import { type HttpOptions, send } from "./request.ts"
import type { Subject } from "./status.ts"
import { beneath, childName, type Directory, walkDirectories } from "./walk.ts"

/** How to open a directory of a web server as a store. */
export interface HttpStoreOptions {
  /** Whom it is opened for; by default the user of the URL or `PENSTOCK_HTTP_USER`, with `PENSTOCK_HTTP_PASSWORD`. */
  readonly login?: Login
  /** How long no byte may move, in milliseconds. 60,000 by default. */
  readonly idle?: number
}

/** What it guarantees. */
export const httpGuarantees: StoreGuarantees = {
  atomicCreate: false,
  durable: false,
  remote: true,
  paced: true,
  readOnly: true,
  connections: 8,
}

/** A manifest or listing is no longer than this: some 500,000 names. */
const LIMIT_BYTES = 64 << 20

const store = (http: HttpOptions, root: URL): ObjectStore => {
  const { location } = http
  const urlOf = (name: string): URL => new URL(root.href + name)
  const named = <A>(name: string, work: () => Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      const error = nameError(name)
      return error ? Effect.fail(error) : work()
    })
  const refuse = (name: string): Effect.Effect<never, StoreError> =>
    named(name, () =>
      Effect.fail(
        problem({ doing: "change", name, location }, "denied", "over http: and https: a repository is read-only"),
      ))
  return {
    properties: { ...httpGuarantees, location },
    put: refuse,
    create: refuse,
    remove: refuse,
    get: (name, part) => named(name, () => getObject(http, urlOf(name), name, part)),
    stat: (name) => named(name, () => statObject(http, urlOf(name), name)),
    list: (directory) =>
      Stream.suspend(() => {
        const error = directoryError(directory)
        if (error) return Stream.fail(error)
        return Stream.unwrap(Effect.map(readManifest(http, root, directory), (objects) =>
          objects === undefined
            ? walkDirectories(directory, location, (name) =>
              readListing(http, root, name))
            : Stream.fromIterable(objects.filter(({ name }) =>
              name.startsWith(directory)
            ))))
      }),
  }
}

/** What the manifest says; undefined without one. */
const readManifest = Effect.fnUntraced(function* (
  http: HttpOptions,
  root: URL,
  directory: string,
): Effect.fn.Return<ReadonlyArray<ObjectInfo> | undefined, StoreError> {
  const subject: Subject = { doing: "list", name: directory, location: http.location }
  const text = yield* readText(http, new URL(root.href + MANIFEST), subject).pipe(
    // Some servers say that of what is not there.
    Effect.catch((error) => isForbidden(error) ? Effect.succeed(undefined) : Effect.fail(error)),
  )
  if (text === undefined) return undefined
  return yield* Effect.try({
    try: () => parseManifest(text),
    catch: (cause) =>
      problem(subject, "io", `${MANIFEST}: ${cause instanceof ManifestError ? cause.message : "it cannot be read"}`),
  })
})

const isForbidden = ({ message }: StoreError): boolean => message.endsWith("(HTTP status 403)")

/** A text of the server; undefined where there is none. */
const readText = Effect.fnUntraced(function* (
  http: HttpOptions,
  url: URL,
  subject: Subject,
): Effect.fn.Return<string | undefined, StoreError> {
  const { doing, name } = subject
  const answer = yield* absent(send(http, {
    doing,
    name,
    method: "GET",
    url,
    headers: { accept: "text/plain, text/html;q=0.9, */*;q=0.1" },
    expect: [200],
    want: () => ({ limit: LIMIT_BYTES }),
  }))
  return answer === undefined ? undefined : new TextDecoder().decode(answer.body)
})

/** What the page says that a web server makes of a directory. Sizes are asked for one by one: pages round them. */
const readListing = Effect.fnUntraced(function* (
  http: HttpOptions,
  root: URL,
  directory: string,
): Effect.fn.Return<Directory | undefined, StoreError> {
  const url = new URL(root.href + directory)
  const subject: Subject = { doing: "list", name: directory, location: http.location }
  const page = yield* readText(http, url, subject).pipe(
    Effect.catch((error) =>
      isForbidden(error)
        ? Effect.fail(
          problem(
            subject,
            "denied",
            `the server neither has ${MANIFEST} nor lists directories; make one, or switch listings on`,
          ),
        )
        : Effect.fail(error)
    ),
  )
  if (page === undefined) return undefined
  const links = linksOf(page)
  if (links === undefined) {
    return yield* /<html/i.test(page)
      ? problem(subject, "unavailable", "the server's listing is cut")
      : problem(subject, "io", `the server's listing is not a page in HTML; make ${MANIFEST} instead`)
  }
  const names = new Set<string>()
  for (const link of links) {
    const name = nameOfLink(directory, url, link)
    if (name !== undefined && name !== MANIFEST) names.add(name)
  }
  const objects = yield* Effect.forEach(
    [...names].filter((name) => !name.endsWith("/")),
    (name) =>
      // Undefined when it is gone meanwhile, or a link that leads nowhere.
      absent(statObject(http, new URL(root.href + name), name)),
    { concurrency: httpGuarantees.connections },
  )
  return {
    objects: objects.filter((one) => one !== undefined),
    directories: [...names].filter((name) => name.endsWith("/")),
  }
})

/** The object or directory right in a directory that a link leads to; undefined for all other links of the page. */
const nameOfLink = (directory: string, listing: URL, link: string): string | undefined => {
  if (!URL.canParse(link, listing)) return undefined
  const url = new URL(link, listing)
  // Links with a query sort the page.
  if (!/^https?:$/.test(url.protocol) || url.search !== "" || url.port !== listing.port) return undefined
  const path = beneath(listing, url)
  const name = path?.length === 1 ? childName(directory, path[0]!) : undefined
  return name === undefined ? undefined : url.pathname.endsWith("/") ? `${name}/` : name
}

const make: (location: string, options?: HttpStoreOptions) => Effect.Effect<ObjectStore, StoreError> = Effect
  .fnUntraced(
    function* (location, options) {
      const { authorization, url } = yield* addressOf(location, "PENSTOCK_HTTP_", false, options?.login)
      return store({
        location: url.href,
        ...(authorization === undefined ? {} : { authorization }),
        ...(options?.idle === undefined ? {} : { idle: options.idle }),
      }, url)
    },
  )

/**
 * A store on a web server, by `https://host/path` or `http://…`, for reading only: any write fails with `denied`.
 *
 * - A range is asked for as such; from a server that ignores that the part is cut out of the whole object, which takes
 *   longer.
 * - The listing is that of `OBJECTS.txt` at its root when there is one. Otherwise it is put together from the pages
 *   that the server makes of directories, and the size of each object is asked for.
 */
export const httpStore: {
  /** Opens a URL, without a request. Fails with `invalid` for one that is none. */
  readonly make: (location: string, options?: HttpStoreOptions) => Effect.Effect<ObjectStore, StoreError>
  /** The same as a layer. */
  readonly layer: (location: string, options?: HttpStoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (location, options) => Layer.effect(ObjectStore, make(location, options)),
}

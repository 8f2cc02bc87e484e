/** Lists the objects of a web server: by a manifest, or by the pages that the server makes for directories. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { absent } from "../../../stages/store/absent.ts"
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import type { ObjectInfo, StoreError } from "../../../stages/store/store.ts"
import { beneath, childName, type Directory, walkDirectories } from "./directories.ts"
import { linksOf } from "./html.ts"
import { MANIFEST, ManifestError, parseManifest } from "./manifest.ts"
import { statObject } from "./read_object.ts"
import { type HttpOptions, send } from "./request.ts"
import { httpStatusOf } from "./status.ts"

/** The longest manifest or page that is read, in bytes: about 500,000 names. */
const LIMIT_BYTES = 64 << 20
/** Objects whose size is asked for at the same time. */
const SIZES_AT_ONCE = 8

/** All objects beneath a directory of the store at `root`. */
export const listObjects = (http: HttpOptions, root: URL, directory: string): Stream.Stream<ObjectInfo, StoreError> =>
  Stream.unwrap(
    Effect.map(
      readManifest(http, root, directory),
      (objects) =>
        objects === undefined
          ? walkDirectories(directory, http.location, (name) => readPage(http, root, name))
          : Stream.fromIterable(objects.filter(({ name }) => name.startsWith(directory))),
    ),
  )

const isForbidden = (error: StoreError): boolean => httpStatusOf(error) === 403

/** The objects in the manifest; undefined if the server has none. */
const readManifest = Effect.fnUntraced(function* (
  http: HttpOptions,
  root: URL,
  directory: string,
): Effect.fn.Return<ReadonlyArray<ObjectInfo> | undefined, StoreError> {
  const operation: Operation = { doing: "list", name: directory, location: http.location }
  const text = yield* readText(http, new URL(root.href + MANIFEST), operation).pipe(
    // Some servers answer with 403 for a file that does not exist.
    Effect.catch((error) => isForbidden(error) ? Effect.succeed(undefined) : Effect.fail(error)),
  )
  if (text === undefined) return undefined
  return yield* Effect.try({
    try: () => parseManifest(text),
    catch: (cause) =>
      operationError(
        operation,
        "io",
        `${MANIFEST}: ${cause instanceof ManifestError ? cause.message : "it cannot be read"}`,
      ),
  })
})

/** Reads a text; undefined if there is none. */
const readText = (http: HttpOptions, url: URL, { doing, name }: Operation) =>
  Effect.map(
    absent(send(http, {
      doing,
      name,
      method: "GET",
      url,
      headers: { accept: "text/plain, text/html;q=0.9, */*;q=0.1" },
      expect: [200],
      want: () => ({ limit: LIMIT_BYTES }),
    })),
    (answer) => answer === undefined ? undefined : new TextDecoder().decode(answer.body),
  )

/** A directory, from the page that the server makes for it. Pages round sizes, so each size is a request of its own. */
const readPage = Effect.fnUntraced(function* (
  http: HttpOptions,
  root: URL,
  directory: string,
): Effect.fn.Return<Directory | undefined, StoreError> {
  const url = new URL(root.href + directory)
  const operation: Operation = { doing: "list", name: directory, location: http.location }
  const page = yield* Effect.mapError(readText(http, url, operation), (error) =>
    isForbidden(error)
      ? operationError(
        operation,
        "denied",
        `the server neither has ${MANIFEST} nor lists directories; make one, or switch listings on`,
      )
      : error)
  if (page === undefined) return undefined
  const links = linksOf(page)
  if (links === undefined) {
    return yield* /<html/i.test(page)
      ? operationError(operation, "unavailable", "the server's listing is cut off")
      : operationError(operation, "io", `the server's listing is not a page in HTML; make ${MANIFEST} instead`)
  }
  const names = new Set<string>()
  for (const link of links) {
    const name = nameOfLink(directory, url, link)
    if (name !== undefined && name !== MANIFEST) names.add(name)
  }
  const objects = yield* Effect.forEach(
    [...names].filter((name) => !name.endsWith("/")),
    // Absent: a file that was removed meanwhile, or a link that leads nowhere.
    (name) => absent(statObject(http, new URL(root.href + name), name)),
    { concurrency: SIZES_AT_ONCE },
  )
  return {
    objects: objects.filter((one) => one !== undefined),
    directories: [...names].filter((name) => name.endsWith("/")),
  }
})

/** The object or directory in `directory` that a link leads to; undefined for all other links of the page. */
const nameOfLink = (directory: string, listing: URL, link: string): string | undefined => {
  if (!URL.canParse(link, listing)) return undefined
  const url = new URL(link, listing)
  // Links with a query sort the page.
  if (!/^https?:$/.test(url.protocol) || url.search !== "" || url.port !== listing.port) return undefined
  const path = beneath(listing, url)
  const name = path?.length === 1 ? childName(directory, path[0]!) : undefined
  return name === undefined ? undefined : url.pathname.endsWith("/") ? `${name}/` : name
}

/** Lists the objects of a store, one collection after another. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ObjectInfo, StoreError } from "../../../stages/store/store.ts"
import { childName, type Directory, walkDirectories } from "../http/directories.ts"
import { statObject } from "../http/read_object.ts"
import type { HttpOptions } from "../http/request.ts"
import { isAbsence } from "./delete.ts"
import { fromServerName, objectUrl } from "./names.ts"
import { propfind } from "./propfind.ts"

/** All objects beneath a directory of the store at `root`. */
export const listObjects = (http: HttpOptions, root: URL, directory: string): Stream.Stream<ObjectInfo, StoreError> =>
  walkDirectories(directory, http.location, (name) => readCollection(http, root, name))

/** The content of a collection; undefined if there is none of that name. */
const readCollection = Effect.fnUntraced(function* (
  http: HttpOptions,
  root: URL,
  directory: string,
): Effect.fn.Return<Directory | undefined, StoreError> {
  const found = yield* propfind(http, objectUrl(root, directory), 1, { doing: "list", name: directory }).pipe(
    Effect.catch((error) => directory !== "" && isAbsence(error) ? Effect.succeed(undefined) : Effect.fail(error)),
  )
  if (found?.resources.some(({ path, collection }) => path.length === 0 && collection) !== true) return undefined
  const objects: Array<ObjectInfo> = []
  const directories: Array<string> = []
  for (const { collection, path, size } of found.resources) {
    const name = path.length === 1 ? childName(directory, fromServerName(path[0]!)) : undefined
    if (name === undefined) continue
    if (collection) directories.push(`${name}/`)
    else objects.push(size === undefined ? yield* statObject(http, objectUrl(root, name), name) : { name, size })
  }
  return { objects, directories }
})

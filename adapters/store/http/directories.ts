/** Lists the objects of a server by asking for one directory after another. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import { listingBound, type ListingBounds } from "../../../stages/store/listing_bound.ts"
import { TEMPORARY } from "../../../stages/store/name.ts"
import { type ObjectInfo, objectNameProblem, StoreError } from "../../../stages/store/store.ts"

/** The content of one directory. All names are relative to the top of the store. */
export interface Directory {
  readonly objects: ReadonlyArray<ObjectInfo>
  /** Each ends with a slash. */
  readonly directories: ReadonlyArray<string>
}

/** Directories that are read at the same time. */
const AT_ONCE = 8

/**
 * All objects beneath a directory (`""`, or a name that ends with a slash), without unfinished ones. `read` gives
 * undefined for a directory that does not exist. `location` is that of the store, for messages.
 */
export const walkDirectories = (
  top: string,
  location: string,
  read: (directory: string) => Effect.Effect<Directory | undefined, StoreError>,
  bounds?: ListingBounds,
): Stream.Stream<ObjectInfo, StoreError> =>
  Stream.suspend(() => {
    const count = listingBound(top, location, bounds)
    const pending = [top]
    return Stream.paginate(undefined, () =>
      Effect.flatMap(
        Effect.forEach(pending.splice(-AT_ONCE), read, { concurrency: AT_ONCE }),
        (found) =>
          catching(StoreError, (): readonly [ReadonlyArray<ObjectInfo>, Option.Option<undefined>] => {
            const objects = found.flatMap((one) => one?.objects ?? [])
            const directories = found.flatMap((one) => one?.directories ?? [])
            // Empty directories are bounded already: each was counted by its name.
            if (objects.length + directories.length > 0) {
              count({ objects: objects.length, directories: directories.length })
            }
            pending.push(...directories)
            return [objects, pending.length > 0 ? Option.some(undefined) : Option.none()]
          }),
      ))
  })

/**
 * The decoded components of the path of `url` beneath a directory: none for the directory itself, undefined if the URL
 * lies elsewhere. Scheme and port are ignored, because a server behind a proxy can put its own there.
 */
export const beneath = (directory: URL, url: URL): ReadonlyArray<string> | undefined => {
  const [above, path] = [componentsOf(directory), componentsOf(url)]
  if (above === undefined || path === undefined || url.hostname !== directory.hostname) return undefined
  return above.every((component, i) => path[i] === component) ? path.slice(above.length) : undefined
}

/** The decoded components of a path. Undefined if a percent code is invalid, or stands for a slash. */
const componentsOf = ({ pathname }: URL): ReadonlyArray<string> | undefined => {
  try {
    const components = pathname.replace(/^\/|\/$/g, "").split("/").map(decodeURIComponent)
    if (components.length === 1 && components[0] === "") return []
    return components.some((component) => component.includes("/")) ? undefined : components
  } catch {
    return undefined
  }
}

/**
 * The name of an object or directory in `directory` (`""`, or a name that ends with a slash). Undefined if a store must
 * not list it.
 */
export const childName = (directory: string, component: string): string | undefined => {
  const name = directory + component
  return objectNameProblem(name) === undefined && name.toLowerCase() !== TEMPORARY ? name : undefined
}

/** Lists objects by asking for one directory after the other. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import { type ObjectInfo, objectNameProblem, StoreError } from "../../../stages/store/store.ts"
import { listingBound, type ListingBounds } from "../../../stages/store/listing_bound.ts"
import { TEMPORARY } from "../../../stages/store/name.ts"

/** What is in a directory, or undefined when there is none of that name. */
export interface Directory {
  /** Names, from the top of the store. */
  readonly objects: ReadonlyArray<ObjectInfo>
  /** Names with a slash at the end. */
  readonly directories: ReadonlyArray<string>
}

/** Directories that are asked for at once. */
const AT_ONCE = 8

/**
 * All objects beneath a directory (`""`, or a name with a slash at its end), without unfinished ones. `location` is
 * that of the store, for messages.
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
            // Directories without anything are counted already: they end.
            if (objects.length + directories.length > 0) {
              count({ objects: objects.length, directories: directories.length })
            }
            pending.push(...directories)
            return [objects, pending.length > 0 ? Option.some(undefined) : Option.none()]
          }),
      ))
  })

/**
 * The components of an address beneath a directory, without percent signs: none for the directory itself, undefined
 * when it lies elsewhere. Scheme and port are not looked at: they may be those of a server behind a proxy.
 */
export const beneath = (directory: URL, url: URL): ReadonlyArray<string> | undefined => {
  const [above, path] = [componentsOf(directory), componentsOf(url)]
  if (above === undefined || path === undefined || url.hostname !== directory.hostname) return undefined
  return above.every((component, i) => path[i] === component) ? path.slice(above.length) : undefined
}

/** Without the empty ones at both ends. Undefined when percent signs stand for no text, or for a slash. */
const componentsOf = ({ pathname }: URL): ReadonlyArray<string> | undefined => {
  try {
    const components = pathname.replace(/^\/|\/$/g, "").split("/").map(decodeURIComponent)
    if (components.length === 1 && components[0] === "") return []
    return components.some((component) => component.includes("/")) ? undefined : components
  } catch {
    return undefined
  }
}

/** The name of what is right in a directory (`""`, or with a slash at its end), when a store may list it. */
export const childName = (directory: string, component: string): string | undefined => {
  const name = directory + component
  return objectNameProblem(name) === undefined && name.toLowerCase() !== TEMPORARY ? name : undefined
}

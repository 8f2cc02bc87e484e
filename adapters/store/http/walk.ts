/** Lists objects by asking for one directory after the other. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type ObjectInfo, objectNameProblem, type StoreError } from "../../../stages/pack/store.ts"
import { TEMPORARY } from "../name.ts"

/** What is in a directory, or undefined when there is none of that name. */
export interface Directory {
  /** Names, from the top of the store. */
  readonly objects: ReadonlyArray<ObjectInfo>
  /** Names with a slash at the end. */
  readonly directories: ReadonlyArray<string>
}

/** Directories that are asked for at once. */
const AT_ONCE = 8

/** All objects beneath a directory (`""`, or a name with a slash at its end), without unfinished ones. */
export const walkDirectories = (
  top: string,
  read: (directory: string) => Effect.Effect<Directory | undefined, StoreError>,
): Stream.Stream<ObjectInfo, StoreError> =>
  Stream.paginate([top] as ReadonlyArray<string>, (pending) =>
    Effect.map(
      Effect.forEach(pending.slice(0, AT_ONCE), read, { concurrency: AT_ONCE }),
      (found): readonly [ReadonlyArray<ObjectInfo>, Option.Option<ReadonlyArray<string>>] => {
        const rest = pending.slice(AT_ONCE).concat(found.flatMap((one) => one?.directories ?? []))
        return [found.flatMap((one) => one?.objects ?? []), rest.length > 0 ? Option.some(rest) : Option.none()]
      },
    ))

/**
 * The components of an address beneath a directory, without percent signs: none for the directory itself, undefined when it lies
 * elsewhere. Scheme and port are not looked at: they may be those of a server behind a proxy.
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

/** Bounds on listings: a server could send one that never ends. */
import { operationError } from "./operation.ts"
import type { StoreError } from "./store.ts"

/** No repository has this many objects: it would be 50 TB with an object for each MiB. */
const OBJECTS = 50_000_000
/** No repository has this many directories: the format with the most makes three times 65,536. */
const DIRECTORIES = 1 << 20
/** How many answers in a row may bring nothing and say that there is more. */
const EMPTY = 100

/** Other bounds, for tests. */
export interface ListingBounds {
  readonly objects?: number
  readonly directories?: number
}

/**
 * Makes a function that counts what the answers to one listing bring. It throws a StoreError when there cannot be more.
 * Call it for each answer that says that more follow.
 */
export const listingBound = (
  directory: string,
  location: string,
  { directories: mostDirectories = DIRECTORIES, objects: mostObjects = OBJECTS }: ListingBounds = {},
): (brought: { readonly objects: number; readonly directories: number }) => void => {
  let objects = 0
  let directories = 0
  let empty = 0
  const endless = (why: string): StoreError => operationError({ doing: "list", name: directory, location }, "io", why)
  return (brought) => {
    objects += brought.objects
    directories += brought.directories
    empty = brought.objects + brought.directories === 0 ? empty + 1 : 0
    if (objects > mostObjects) throw endless(`the server's listing does not end after ${mostObjects} objects`)
    if (directories > mostDirectories) {
      throw endless(`the server's listing does not end after ${mostDirectories} directories`)
    }
    if (empty > EMPTY) throw endless(`the server says ${EMPTY} times that there is more, and gives nothing`)
  }
}

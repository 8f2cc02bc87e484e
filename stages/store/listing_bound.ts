/** How far a listing is followed: a server could make one that never ends. */
import { StoreError } from "./store.ts"

/** More objects than any repository has: 50 TB in pieces of 1 MiB, each an object of its own. */
const OBJECTS = 50_000_000
/** More directories, too: a format that has most makes three times 65,536. */
const DIRECTORIES = 1 << 20
/** Answers one after the other that bring nothing, and say that there is more. */
const EMPTY = 100

/** Bounds of a listing; for tests. */
export interface ListingBounds {
  readonly objects?: number
  readonly directories?: number
}

/** Counts what the answers to one listing bring; throws a StoreError when it cannot be that there is more. */
export const listingBound = (
  directory: string,
  location: string,
  { directories: mostDirectories = DIRECTORIES, objects: mostObjects = OBJECTS }: ListingBounds = {},
): (brought: { readonly objects: number; readonly directories: number }) => void => {
  let objects = 0
  let directories = 0
  let empty = 0
  const endless = (why: string): StoreError =>
    new StoreError({
      reason: "io",
      object: directory,
      message: `Cannot list ${directory === "" ? location : `"${directory}" in ${location}`}: ${why}`,
    })
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

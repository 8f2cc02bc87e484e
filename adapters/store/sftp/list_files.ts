/** Lists objects that are files on a server. */
import { listingBound } from "../../../stages/store/listing_bound.ts"
import { nameError } from "../../../stages/store/name.ts"
import type { ObjectInfo } from "../../../stages/store/store.ts"
import { isDirectory, isFile } from "./file_type.ts"
import { type Handle, NO_SUCH_FILE, type Session, sftpStatusOf } from "./session.ts"

/** Directories that are read at the same time. */
const AT_ONCE = 8

/** Some of what is in a directory. */
interface Listing {
  /** The directory, with `/` at its end, or `""`. */
  readonly at: string
  readonly objects: ReadonlyArray<ObjectInfo>
  readonly directories: ReadonlyArray<string>
  /** Reads the rest; absent at the end of the directory. */
  readonly handle?: Handle
}

/**
 * The objects beneath a directory (`DATA/`, or `""` for all), some at a time. Leaves out temporary files, files that
 * are not regular, names that no object has, and files that vanish meanwhile.
 */
export async function* listFiles(
  session: Session,
  root: string,
  directory: string,
  location: string,
): AsyncGenerator<ReadonlyArray<ObjectInfo>, void> {
  const count = listingBound(directory, location)
  const pending = [directory]
  /** Each resolves with itself, so that the one that won a race can be removed. */
  const reading = new Set<Promise<readonly [self: unknown, Listing]>>()
  const begin = (work: Promise<Listing>): void => {
    const own: Promise<readonly [self: unknown, Listing]> = work.then((listing) => [own, listing])
    reading.add(own)
  }
  try {
    for (;;) {
      while (pending.length > 0 && reading.size < AT_ONCE) begin(openListing(session, root, pending.pop()!))
      if (reading.size === 0) return
      const [own, listing] = await Promise.race(reading)
      reading.delete(own as Promise<readonly [self: unknown, Listing]>)
      const { at, directories, handle, objects } = listing
      if (handle !== undefined) {
        // The end of a directory is not counted, because the directory was counted by its name.
        count({ objects: objects.length, directories: directories.length })
        begin(readListing(session, at, handle))
      }
      pending.push(...directories)
      if (objects.length > 0) yield objects
    }
  } finally {
    for (const own of reading) own.then(([, listing]) => closeListing(session, listing), () => {})
  }
}

const closeListing = (session: Session, { handle }: Listing): void => {
  if (handle !== undefined) session.close(handle).catch(() => {})
}

const openListing = async (session: Session, root: string, at: string): Promise<Listing> => {
  const handle = await openDirectory(session, at === "" ? root : `${root}/${at.slice(0, -1)}`, at === "")
  return handle === undefined ? { at, objects: [], directories: [] } : readListing(session, at, handle)
}

const readListing = async (session: Session, at: string, handle: Handle): Promise<Listing> => {
  const entries = await session.readDirectory(handle)
  if (entries === undefined) {
    session.close(handle).catch(() => {})
    return { at, objects: [], directories: [] }
  }
  const named = entries.filter(({ filename }) => nameError(at + filename) === undefined)
  return {
    at,
    handle,
    objects: named.filter(({ attrs }) => isFile(attrs)).map(({ filename, attrs }) => ({
      name: at + filename,
      size: attrs.size,
    })),
    directories: named.filter(({ attrs }) => isDirectory(attrs)).map(({ filename }) => `${at}${filename}/`),
  }
}

/** Undefined if there is no such directory. A missing root is an error. */
const openDirectory = async (session: Session, path: string, isRoot: boolean): Promise<Handle | undefined> => {
  try {
    return await session.openDirectory(path)
  } catch (cause) {
    if (isRoot || sftpStatusOf(cause) === undefined) throw cause
    if (sftpStatusOf(cause) === NO_SUCH_FILE) return undefined
    // For a file in its place, the status may be a general failure.
    const info = await session.lstat(path)
    if (isFile(info)) return undefined
    throw cause
  }
}

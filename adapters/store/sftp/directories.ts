/** Directories of a store on a server: made when first needed, and durable where the server can do that. */
import { StoreError } from "../../../stages/store/store.ts"
import { parentOf } from "../local/directories.ts"
import { NO_SUCH_FILE, type Session, statusOf } from "./session.ts"

export { parentOf }

/** Whether there is a directory at `path`; links are followed. */
export const isDirectory = async (session: Session, path: string): Promise<boolean> => {
  try {
    return ((await session.stat(path)).mode & 0o170000) === 0o040000
  } catch (cause) {
    if (statusOf(cause) === NO_SUCH_FILE) return false
    throw cause
  }
}

/** A directory that is open, to make the names in it durable. */
export interface OpenDirectory {
  /** Syncs and closes it. */
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * Opens a directory to sync it. OpenSSH on Linux opens a directory like a file, and then syncs it; see {@link canSync}.
 */
export const openToSync = async (session: Session, path: string): Promise<OpenDirectory> => {
  const handle = await session.open(path, "read")
  return {
    close: () => session.close(handle),
    sync: async () => {
      // A server does what concerns one handle in order.
      const closed = session.close(handle)
      closed.catch(() => {})
      await session.fsync(handle)
      await closed
    },
  }
}

/** Makes the names in a directory durable. */
export const syncDirectory = async (session: Session, path: string): Promise<void> =>
  await (await openToSync(session, path)).sync()

/** Whether the server makes names durable; found out by doing it. */
export const canSync = async (session: Session, path: string): Promise<boolean> => {
  if (!session.extensions.fsync) return false
  try {
    await syncDirectory(session, path)
    return true
  } catch (cause) {
    if (statusOf(cause) === undefined) throw cause
    return false
  }
}

/** Makes a directory, and what is missing above it, durably. Fails with the status of the server. */
export const makeAll = async (session: Session, path: string): Promise<void> => {
  if (await isDirectory(session, path)) return
  const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : "."
  if (parent !== path && path !== ".") await makeAll(session, parent)
  await makeOne(session, path)
  await canSync(session, parent)
}

const makeOne = async (session: Session, path: string): Promise<void> => {
  try {
    await session.mkdir(path)
  } catch (cause) {
    // The status for one that is there is a general failure.
    if (statusOf(cause) === undefined) throw cause
    if (await isDirectory(session, path)) return
    const other = await session.lstat(path).catch(() => undefined)
    throw other === undefined ? cause : new StoreError({
      reason: "io",
      object: "",
      message: `Cannot make the directory ${path} on the server: a file stands in its place`,
      cause,
    })
  }
}

/** The directories beneath a root. */
export interface Directories {
  /**
   * Runs `use` when the directory (relative, `""` for the root) is there, durably. When `use` fails because it is gone
   * meanwhile, makes it again and runs `use` once more.
   */
  readonly within: <A>(session: Session, directory: string, use: () => Promise<A>) => Promise<A>
}

/** Directories beneath `root`, synced when `syncs`; remembers those that it has made or seen, whatever the session. */
export const makeDirectories = (root: string, syncs: boolean): Directories => {
  const known = new Map<string, Promise<void>>()
  const make = async (session: Session, directory: string): Promise<void> => {
    const parent = parentOf(directory)
    await ensure(session, parent)
    await makeOne(session, `${root}/${directory}`)
    // Also when another made it: it may not be durable yet.
    if (syncs) await syncDirectory(session, parent === "" ? root : `${root}/${parent}`)
  }
  const ensure = (session: Session, directory: string): Promise<void> => {
    if (directory === "") return Promise.resolve()
    const before = known.get(directory)
    if (before) return before
    const made = make(session, directory)
    known.set(directory, made)
    made.catch(() => known.delete(directory))
    return made
  }
  return {
    within: async (session, directory, use) => {
      await ensure(session, directory)
      try {
        return await use()
      } catch (cause) {
        if (statusOf(cause) !== NO_SUCH_FILE) throw cause
        known.clear()
        await ensure(session, directory)
        return await use()
      }
    },
  }
}

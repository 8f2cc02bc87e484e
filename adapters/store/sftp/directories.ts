/** The directories of a store on a server: made when they are first needed, and durable if the server can do that. */
import { StoreError } from "../../../stages/store/store.ts"
import { knownDirectories, parentOf, type WithinDirectory } from "../local/known_directories.ts"
import { isDirectory } from "./file_type.ts"
import { NO_SUCH_FILE, type Session, sftpStatusOf } from "./session.ts"

/** Whether there is a directory at `path`. Links are followed. */
export const hasDirectory = async (session: Session, path: string): Promise<boolean> => {
  try {
    return isDirectory(await session.stat(path))
  } catch (cause) {
    if (sftpStatusOf(cause) === NO_SUCH_FILE) return false
    throw cause
  }
}

/** An open directory, to make the names in it durable. */
export interface OpenDirectory {
  /** Syncs and closes it. */
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * Opens a directory to sync it. OpenSSH on Linux opens and syncs directories like files. See {@link canSync}.
 */
export const openToSync = async (session: Session, path: string): Promise<OpenDirectory> => {
  const handle = await session.open(path, "read")
  return {
    close: () => session.close(handle),
    sync: async () => {
      // A server carries out the requests for one handle in order.
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

/** Whether the server can make names durable. This tries it. */
export const canSync = async (session: Session, path: string): Promise<boolean> => {
  if (!session.extensions.fsync) return false
  try {
    await syncDirectory(session, path)
    return true
  } catch (cause) {
    if (sftpStatusOf(cause) === undefined) throw cause
    return false
  }
}

/** Makes a directory and the missing ones above it, durably. Fails with the status of the server. */
export const makeAll = async (session: Session, path: string): Promise<void> => {
  if (await hasDirectory(session, path)) return
  const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : "."
  if (parent !== path && path !== ".") await makeAll(session, parent)
  await makeOne(session, path)
  await canSync(session, parent)
}

const makeOne = async (session: Session, path: string): Promise<void> => {
  try {
    await session.mkdir(path)
  } catch (cause) {
    // The status for a directory that exists is a general failure.
    if (sftpStatusOf(cause) === undefined) throw cause
    if (await hasDirectory(session, path)) return
    const other = await session.lstat(path).catch(() => undefined)
    throw other === undefined ? cause : new StoreError({
      reason: "io",
      object: "",
      message: `Cannot make the directory ${path} on the server: a file stands in its place`,
      cause,
    })
  }
}

/** The directories of a store: runs `use` in one, which is made if it does not exist. */
export interface Directories {
  /** See `WithinDirectory` in `known_directories.ts`. */
  readonly within: WithinDirectory<Session>
}

/** The directories beneath `root`, synced if `syncs` is set. They are remembered across sessions. */
export const makeDirectories = (root: string, syncs: boolean): Directories => ({
  within: knownDirectories(
    async (session, directory) => {
      await makeOne(session, `${root}/${directory}`)
      const parent = parentOf(directory)
      // Also if another writer made it, because it may not be durable yet.
      if (syncs) await syncDirectory(session, parent === "" ? root : `${root}/${parent}`)
    },
    (cause) => sftpStatusOf(cause) === NO_SUCH_FILE,
  ),
})

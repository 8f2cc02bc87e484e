/** Directories that survive a crash. */
import { chmod, mkdir, open, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import process from "node:process"
import { codeOf } from "./file_error.ts"
import { knownDirectories, parentOf } from "./known_directories.ts"

/** Errors of file systems that cannot sync directories. There is nothing to do about that. */
const NO_SYNC = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])

/** Makes the names in a directory durable. Does nothing on Windows, where directories cannot be opened. */
export const syncDirectory = async (path: string): Promise<void> => {
  if (process.platform === "win32") return
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } catch (cause) {
    if (!NO_SYNC.has(codeOf(cause) ?? "")) throw cause
  } finally {
    await handle.close()
  }
}

/** Makes a directory for its owner only, whatever the umask. False if the name is taken. */
const makeDirectory = async (path: string): Promise<boolean> => {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause
    return false
  }
  await chmod(path, 0o700)
  return true
}

/** Makes a directory and the missing ones above it, for the owner only, durably. */
export const makeRoot = async (path: string): Promise<void> => {
  if (await stat(path).then((found) => found.isDirectory(), () => false)) return
  const parent = dirname(path)
  if (parent !== path) await makeRoot(parent)
  if (!(await makeDirectory(path))) await mkdir(path, { recursive: true })
  await syncDirectory(parent)
}

/** Makes directories beneath `root`, and those above them, durably. Each that gets a new name is synced once. */
export const makeAll = async (root: string, directories: ReadonlyArray<string>): Promise<void> => {
  const all = new Set<string>()
  for (const directory of directories) {
    for (let path = directory; path !== ""; path = parentOf(path)) all.add(path)
  }
  // In order of names, a directory comes before what is in it.
  for (const path of [...all].sort()) await makeDirectory(join(root, path))
  for (const parent of new Set([...all].map(parentOf))) await syncDirectory(join(root, parent))
}

/** The directories of a store: runs `use` in one, which is made if it does not exist. */
export interface Directories {
  /** See `WithinDirectory` in `known_directories.ts`. */
  readonly within: <A>(directory: string, use: () => Promise<A>) => Promise<A>
}

/** The directories beneath `root`. */
export const makeDirectories = (root: string): Directories => {
  const within = knownDirectories<void>(
    async (_, directory) => {
      await makeDirectory(join(root, directory))
      // Also if another process made it, because it may not be durable yet.
      await syncDirectory(join(root, parentOf(directory)))
    },
    (cause) => codeOf(cause) === "ENOENT",
  )
  return { within: (directory, use) => within(undefined, directory, use) }
}

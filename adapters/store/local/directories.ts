/** Directories that survive a crash. */
import { chmod, mkdir, open, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import process from "node:process"
import { codeOf } from "./file_error.ts"

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

/** The directories of a store, made when they are first needed. */
export interface Directories {
  /**
   * Makes the directory durably (relative to the root, with `/` between components, `""` for the root itself), then
   * runs `use`. If `use` fails because the directory was removed meanwhile, makes it again and runs `use` once more.
   */
  readonly within: <A>(directory: string, use: () => Promise<A>) => Promise<A>
}

/** The directories beneath `root`. It remembers those that it has made or seen. */
export const makeDirectories = (root: string): Directories => {
  const known = new Map<string, Promise<void>>()
  const make = async (directory: string): Promise<void> => {
    const parent = parentOf(directory)
    await ensure(parent)
    await makeDirectory(join(root, directory))
    // Also if another process made it, because it may not be durable yet.
    await syncDirectory(join(root, parent))
  }
  const ensure = (directory: string): Promise<void> => {
    if (directory === "") return Promise.resolve()
    const before = known.get(directory)
    if (before) return before
    const made = make(directory)
    known.set(directory, made)
    made.catch(() => known.delete(directory))
    return made
  }
  return {
    within: async (directory, use) => {
      await ensure(directory)
      try {
        return await use()
      } catch (cause) {
        if (codeOf(cause) !== "ENOENT") throw cause
        known.clear()
        await ensure(directory)
        return await use()
      }
    },
  }
}

/** The directory part of an object's name, `""` for the root. */
export const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf("/")))

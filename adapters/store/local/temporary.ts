/**
 * Unfinished files. They have a temporary name, in the file system of the store, until they are whole and durable.
 */
import { type FileHandle, lstat, open, opendir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { type Directories, syncDirectory } from "./directories.ts"
import { parentOf } from "./known_directories.ts"
import { STALE_MS, TEMPORARY } from "../../../stages/store/name.ts"
import { publishNew } from "./publish.ts"

/** The most parts of one writev on Linux (`IOV_MAX`). */
const PARTS_PER_WRITE = 1024
/**
 * Parts from this length on are written alone, in bytes. Deno 2.9 takes six times as long for 16 MiB in writev as in
 * write.
 */
const ALONE_BYTES = 256 << 10

/** A file without its final name. */
export interface Temporary {
  /** Appends parts without copying them. Ends early and without an error when `stopped` turns true. */
  readonly write: (parts: ReadonlyArray<Uint8Array>, stopped: () => boolean) => Promise<void>
  /**
   * Makes the content durable, then gives the file its name. Throws `EEXIST` if the name is taken, unless `replace` is
   * set. May be called once.
   */
  readonly publish: (name: string, replace: boolean) => Promise<void>
  /** Closes the file and removes the temporary name. Never throws. May be called more than once. */
  readonly discard: () => Promise<void>
}

/** Opens a temporary file in the store at `root`. */
export const openTemporary = async (root: string, directories: Directories): Promise<Temporary> => {
  const path = join(root, TEMPORARY, crypto.randomUUID())
  const handle = await directories.within(TEMPORARY, () => open(path, "wx", 0o600))
  return temporaryFile(path, handle, async (name, replace) => {
    const final = join(root, name)
    await directories.within(parentOf(name), () => replace ? rename(path, final) : publishNew(path, final))
    await syncDirectory(join(root, parentOf(name)))
  })
}

/**
 * A temporary file from a new file at `path`, which is open for writing. `giveName` gives it its name durably, after it
 * was synced and closed.
 */
export const temporaryFile = (
  path: string,
  opened: FileHandle,
  giveName: (name: string, replace: boolean) => Promise<void>,
): Temporary => {
  let handle: FileHandle | undefined = opened
  const close = async (): Promise<void> => {
    const last = handle
    handle = undefined
    await last?.close()
  }
  return {
    write: (parts, stopped) => writeAll(handle!, parts, stopped),
    publish: async (final, replace) => {
      await handle!.sync()
      await close()
      await giveName(final, replace)
    },
    discard: async () => {
      await close().catch(() => {})
      await rm(path, { force: true }).catch(() => {})
    },
  }
}

const writeAll = async (
  handle: FileHandle,
  parts: ReadonlyArray<Uint8Array>,
  stopped: () => boolean,
): Promise<void> => {
  let next = 0 // the first part that is not completely written
  let written = 0 // bytes of that part that are written: a system call may write less than it was given
  while (next < parts.length && !stopped()) {
    const batch: Array<Uint8Array> = [parts[next]!.subarray(written)]
    while (batch[0]!.length < ALONE_BYTES && batch.length < PARTS_PER_WRITE) {
      const part = parts[next + batch.length]
      if (part === undefined || part.length >= ALONE_BYTES) break
      batch.push(part)
    }
    const { bytesWritten } = batch.length > 1 ? await handle.writev(batch) : await handle.write(batch[0]!)
    if (bytesWritten === 0 && batch.some((part) => part.length > 0)) throw new Error("the file takes no more bytes")
    written += bytesWritten
    while (next < parts.length && written >= parts[next]!.length) written -= parts[next++]!.length
  }
}

/** Removes temporary files that were last written before `now - STALE_MS`. Failures are ignored. */
export const removeStale = (root: string, now: number): Promise<void> =>
  removeStaleIn(join(root, TEMPORARY), now, () => true)

/** The same in another directory, for the files whose names `isTemporary` accepts. */
export const removeStaleIn = async (
  directory: string,
  now: number,
  isTemporary: (name: string) => boolean,
): Promise<void> => {
  const removeIfStale = async (path: string): Promise<void> => {
    const info = await lstat(path)
    if (info.isFile() && info.mtimeMs < now - STALE_MS) await rm(path, { force: true })
  }
  try {
    for await (const { name } of await opendir(directory)) {
      // Another process may remove the same file first.
      if (isTemporary(name)) await removeIfStale(join(directory, name)).catch(() => {})
    }
  } catch {
    // There is no such directory, or it may not be read.
  }
}

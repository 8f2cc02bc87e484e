/**
 * Files under way: written under a temporary name in the store's own file system, named when they are whole and
 * durable.
 */
import { type FileHandle, lstat, open, opendir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { type Directories, parentOf, syncDirectory } from "./directories.ts"
import { TEMPORARY } from "../../../stages/store/name.ts"
import { publishNew } from "./publish.ts"

/** Temporary files older than this were left by a writer that was killed, in milliseconds. */
export const STALE_MS: number = 24 * 60 * 60 * 1000

/** Linux takes at most this many parts in one writev (`IOV_MAX`). */
const PARTS_PER_WRITE = 1024
/**
 * Parts from this length on are written on their own: Deno 2.9 needs six times as long for 16 MiB in writev as in
 * write.
 */
const ALONE_BYTES = 256 << 10

/** A file without its final name. */
export interface Temporary {
  /** Appends parts without copying them. Ends early, without an error, when `stopped` turns true. */
  readonly write: (parts: ReadonlyArray<Uint8Array>, stopped: () => boolean) => Promise<void>
  /**
   * Makes the content durable, then the name. Throws `EEXIST` when the name is taken, unless `replace`. May be called
   * once.
   */
  readonly publish: (name: string, replace: boolean) => Promise<void>
  /** Closes it and removes the temporary name. Never throws; may be called more than once. */
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

/** A new file at `path`, open for writing. `name` gives it its name durably, when it is synced and closed. */
export const temporaryFile = (
  path: string,
  opened: FileHandle,
  name: (name: string, replace: boolean) => Promise<void>,
): Temporary => {
  let handle: FileHandle | undefined = opened
  const close = async (): Promise<void> => {
    const open = handle
    handle = undefined
    await open?.close()
  }
  return {
    write: (parts, stopped) => writeAll(handle!, parts, stopped),
    publish: async (final, replace) => {
      await handle!.sync()
      await close()
      await name(final, replace)
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
  let next = 0 // the first part that is not written whole
  let written = 0 // bytes of it that are written: a system call may write less than it was given
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

/** Removes temporary files that were last written before `now - STALE_MS`. What cannot be removed stays. */
export const removeStale = (root: string, now: number): Promise<void> =>
  removeStaleIn(join(root, TEMPORARY), now, () => true)

/** The same for the files of a directory whose names `isTemporary`. */
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
    // No such directory, or a store that may not be listed.
  }
}

/** The files of a cache: copies of objects, each with a hash of its name and content. */
import { createHash } from "node:crypto"
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import { codeOf } from "../local/file_error.ts"
import { STALE_MS } from "../../../stages/store/name.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"

/** An object of a repository. */
export interface CachedObject {
  /** 64 hex digits, see {@link repositoryKey}. */
  readonly repository: string
  readonly name: string
}

const HASH_BYTES = 32
const HEX = /^[0-9a-f]{64}$/
const TEMPORARY_PREFIX = "tmp-"
const TAG = "CACHEDIR.TAG"
const TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n" +
  "# This is a cache of penstock. It can be removed at any time.\n"

/** The key of a repository in the cache. `config` tells it from a later one at the same location. */
export const repositoryKey = (location: string, config: Uint8Array): string =>
  createHash("sha256").update(`${location}\0`).update(config).digest("hex")

/**
 * A cache in a directory, which any number of processes may share. A file holds the content of an object, then 32
 * bytes: the SHA-256 of the object's name and content. It is written under a temporary name first. Each process
 * verifies a file when it first reads it, and removes a wrong one.
 *
 * Methods throw errors of the file system, but not for files that vanish.
 */
export class CacheFiles {
  readonly root: string
  readonly #bound: number
  /** The inodes of the files that this process has verified, by path. */
  readonly #verified = new Map<string, bigint>()
  #ready: Promise<void> | undefined
  /** Bytes written since the last `#prune`. `Infinity` makes the first one due. */
  #written = Infinity

  constructor(root: string, bound: number) {
    this.root = root
    this.#bound = bound
  }

  /** Makes the directory. Throws an error that says why it cannot be a cache. */
  ready(): Promise<void> {
    return this.#ready ??= prepare(this.root)
  }

  /** The object of `size` bytes, or a part of it. Undefined if there is no copy, or a wrong one. */
  async read(
    object: CachedObject,
    size: number,
    range: { readonly offset: number; readonly length: number } = { offset: 0, length: size },
  ): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(object)
    const handle = await unlessGone(open(path, "r"))
    if (handle === undefined) return undefined
    try {
      const info = await handle.stat({ bigint: true })
      if (info.size !== BigInt(size + HASH_BYTES)) return await this.#drop(path)
      if (this.#verified.get(path) === info.ino) return await bytesAt(handle, range.offset, range.length)
      const content = await bytesAt(handle, 0, size)
      const hash = await bytesAt(handle, size, HASH_BYTES)
      if (content === undefined || hash === undefined || !hashOf(object.name, [content]).equals(hash)) {
        return await this.#drop(path)
      }
      this.#verified.set(path, info.ino)
      const now = new Date()
      await unlessGone(utimes(path, now, now))
      return range.length === size ? content : content.slice(range.offset, range.offset + range.length)
    } finally {
      await handle.close()
    }
  }

  /** Keeps a copy of an object. The parts must not change meanwhile. */
  async write(object: CachedObject, parts: ReadonlyArray<Uint8Array>): Promise<void> {
    const size = sizeOfParts(parts) + HASH_BYTES
    if (size > this.#bound) return
    this.#written += size
    // Before this file is written. An eighth of the bound is left for the files until the next time.
    if (this.#written > this.#bound / 8) {
      await this.#prune(this.#bound * 7 / 8 - size)
      this.#written = size
    }
    const temporary = join(this.root, `${TEMPORARY_PREFIX}${crypto.randomUUID()}`)
    const handle = await unlessGone(open(temporary, "wx", 0o600))
    if (handle === undefined) {
      // The directory was removed. It is made again for the next object.
      this.#ready = undefined
      return
    }
    try {
      let at = 0
      for (const part of [...parts, hashOf(object.name, parts)]) {
        for (let done = 0; done < part.length;) {
          const { bytesWritten } = await handle.write(part, done, part.length - done, at)
          done += bytesWritten
          at += bytesWritten
        }
      }
      await handle.close()
      await mkdir(join(this.root, object.repository), { recursive: true, mode: 0o700 })
      await rename(temporary, this.#pathOf(object))
    } catch (cause) {
      await handle.close().catch(() => {})
      await rm(temporary, { force: true }).catch(() => {})
      // Another process may have removed the directory, which was empty.
      if (!removedMeanwhile(cause)) throw cause
    }
  }

  async remove(object: CachedObject): Promise<void> {
    await this.#drop(this.#pathOf(object))
  }

  #pathOf({ name, repository }: CachedObject): string {
    return join(this.root, repository, createHash("sha256").update(name).digest("hex"))
  }

  async #drop(path: string): Promise<undefined> {
    this.#verified.delete(path)
    await unlessGone(rm(path, { force: true }))
    return undefined
  }

  /**
   * Removes the files that were not used for the longest time until `keep` bytes are left, and also old temporary files
   * and empty directories.
   */
  async #prune(keep: number): Promise<void> {
    const files: Array<{ readonly path: string; readonly size: number; readonly used: number }> = []
    for (const repository of await unlessGone(readdir(this.root)) ?? []) {
      const directory = join(this.root, repository)
      if (repository.startsWith(TEMPORARY_PREFIX)) {
        const info = await unlessGone(lstat(directory))
        if (info !== undefined && info.mtimeMs < Date.now() - STALE_MS) await unlessGone(rm(directory, { force: true }))
      }
      if (!HEX.test(repository)) continue
      const names = (await unlessGone(readdir(directory)) ?? []).filter((name) => HEX.test(name))
      if (names.length === 0) await rmdir(directory).catch(() => {})
      for (const name of names) {
        const path = join(directory, name)
        const info = await unlessGone(lstat(path))
        if (info !== undefined) files.push({ path, size: info.size, used: info.mtimeMs })
      }
    }
    let total = files.reduce((sum, { size }) => sum + size, 0)
    if (total <= keep) return
    for (const { path, size } of files.sort((a, b) => a.used - b.used)) {
      if (total <= keep) break
      await this.#drop(path)
      total -= size
    }
  }
}

const hashOf = (name: string, parts: ReadonlyArray<Uint8Array>): Buffer => {
  const state = createHash("sha256").update(`penstock cache 1\0${name}\0`)
  for (const part of parts) state.update(part)
  return state.digest()
}

/** Reads fresh bytes. Undefined if the file is too short. */
const bytesAt = async (handle: FileHandle, offset: number, length: number): Promise<Uint8Array | undefined> => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const { bytesRead } = await handle.read(bytes, at, length - at, offset + at)
    if (bytesRead === 0) return undefined
    at += bytesRead
  }
  return bytes
}

/** Undefined if the file does not exist. */
const unlessGone = async <A>(work: Promise<A>): Promise<A | undefined> => {
  try {
    return await work
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined
    throw cause
  }
}

/** Whether it failed because another process removed a directory meanwhile; a recursive `mkdir` then says `EEXIST`. */
const removedMeanwhile = (cause: unknown): boolean => codeOf(cause) === "ENOENT" || codeOf(cause) === "EEXIST"

/** Tries, because other processes may remove the directory each time. */
const TRIES = 5

const prepare = async (root: string, tries = TRIES): Promise<void> => {
  try {
    await prepareOnce(root)
  } catch (cause) {
    if (tries <= 1 || !removedMeanwhile(cause)) throw cause
    await prepare(root, tries - 1)
  }
}

const prepareOnce = async (root: string): Promise<void> => {
  await mkdir(root, { recursive: true, mode: 0o700 })
  const info = await stat(root)
  const user = process.getuid?.()
  if (user !== undefined && process.platform !== "win32") {
    if (info.uid !== user) throw new Error("it belongs to another user")
    if ((info.mode & 0o022) !== 0) throw new Error("others may write to it")
  }
  if (await unlessGone(lstat(join(root, TAG))) !== undefined) return
  if ((await readdir(root)).length > 0) throw new Error("it holds other files, and is no cache")
  await writeFile(join(root, TAG), TAG_TEXT, { mode: 0o600 })
}

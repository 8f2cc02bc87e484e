/** The files of a cache: copies of objects in a directory, each with a hash of its content and its name. */
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
import { sizeOfParts } from "../../../stages/store/parts.ts"

/** Which object of which repository. */
export interface CachedObject {
  /** 64 hex digits, see {@link repositoryKey}. */
  readonly repository: string
  readonly name: string
}

const HASH_BYTES = 32
const HEX = /^[0-9a-f]{64}$/
const TEMPORARY = "tmp-"
const DAY = 86_400_000
const TAG = "CACHEDIR.TAG"
const TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n" +
  "# This is a cache of penstock. It can be removed at any time.\n"

/** What a repository is called in the cache: its place, and what tells it from another that is there later. */
export const repositoryKey = (location: string, config: Uint8Array): string =>
  createHash("sha256").update(`${location}\0`).update(config).digest("hex")

/**
 * A cache in a directory, which any number of processes may share. A file is the content of an object and 32 bytes: the
 * SHA-256 of the object's name and content. It is written under another name first, and verified when a process first
 * reads it; a file that does not fit is removed.
 *
 * Methods throw what the file system throws, but for files that vanish.
 */
export class CacheFiles {
  readonly root: string
  readonly #bound: number
  /** By path, the inode of what was verified by this process. */
  readonly #verified = new Map<string, bigint>()
  #ready: Promise<void> | undefined
  /** Bytes written since the directory was last looked through; at first, as many as make it due. */
  #written = Infinity

  constructor(root: string, bound: number) {
    this.root = root
    this.#bound = bound
  }

  /** Makes the directory. Throws when it cannot be a cache, with a message that says why. */
  ready(): Promise<void> {
    return this.#ready ??= prepare(this.root)
  }

  /** The object of `size` bytes, or `length` bytes of it; undefined when it is not here, or not whole. */
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

  /** Keeps an object. The parts must not change meanwhile. */
  async write(object: CachedObject, parts: ReadonlyArray<Uint8Array>): Promise<void> {
    const size = sizeOfParts(parts) + HASH_BYTES
    if (size > this.#bound) return
    this.#written += size
    // Before it is written; an eighth of the bound is for what is written until the next time.
    if (this.#written > this.#bound / 8) {
      await this.#prune(this.#bound * 7 / 8 - size)
      this.#written = size
    }
    const temporary = join(this.root, `${TEMPORARY}${crypto.randomUUID()}`)
    const handle = await unlessGone(open(temporary, "wx", 0o600))
    if (handle === undefined) {
      // Somebody has removed it all. It is made again for the next one.
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
      // The directory was empty, and another process has removed it just now.
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
   * Removes what has not been used for the longest time when all is more than `keep`, what writes left behind, and
   * empty directories.
   */
  async #prune(keep: number): Promise<void> {
    const files: Array<{ readonly path: string; readonly size: number; readonly used: number }> = []
    for (const repository of await unlessGone(readdir(this.root)) ?? []) {
      const directory = join(this.root, repository)
      if (repository.startsWith(TEMPORARY)) {
        const info = await unlessGone(lstat(directory))
        if (info !== undefined && info.mtimeMs < Date.now() - DAY) await unlessGone(rm(directory, { force: true }))
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

/** Fresh bytes; undefined when the file is too short. */
const bytesAt = async (handle: FileHandle, offset: number, length: number): Promise<Uint8Array | undefined> => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const { bytesRead } = await handle.read(bytes, at, length - at, offset + at)
    if (bytesRead === 0) return undefined
    at += bytesRead
  }
  return bytes
}

const unlessGone = async <A>(work: Promise<A>): Promise<A | undefined> => {
  try {
    return await work
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined
    throw cause
  }
}

/** Whether it failed because something is removed while it is made: a recursive `mkdir` then says that it is there. */
const removedMeanwhile = (cause: unknown): boolean => codeOf(cause) === "ENOENT" || codeOf(cause) === "EEXIST"

/** Tries, as others may remove the directory each time. */
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

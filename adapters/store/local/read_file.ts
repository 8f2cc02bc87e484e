/** Reads objects that are files. */
import { constants, type Dir } from "node:fs"
import { Buffer } from "node:buffer"
import { lstat, open, opendir } from "node:fs/promises"
import { join } from "node:path"
import type { ObjectInfo, Range, Whole } from "../../../stages/store/store.ts"
import { codeOf } from "./file_error.ts"
import { nameError, notFound, resolvePart, tooShort } from "../../../stages/store/name.ts"

/** No links are followed, and a pipe does not wait for its other end. Windows has neither flag. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
/** The longest single read that Node takes is 2^31 - 1 bytes. */
const READ_BYTES = 1 << 30
/** Names that `list` looks at between two results. */
const LIST_BATCH = 256

/**
 * Reads an object or a part of it, into fresh bytes. Throws `not-found`, `corrupt`, `invalid` or what the system says.
 */
export const readFile = (root: string, name: string, wanted: Range | Whole): Promise<Uint8Array> =>
  readFileAt(join(root, name), root, name, wanted)

/** The same of the object `name` that is the file at `path`. */
export const readFileAt = async (
  path: string,
  root: string,
  name: string,
  wanted: Range | Whole,
): Promise<Uint8Array> => {
  const handle = await open(path, READ)
  try {
    const info = await handle.stat()
    if (!info.isFile()) throw notFound(name, root)
    const part = resolvePart(name, root, info.size, wanted)
    if ("_tag" in part) throw part
    // Not zeroed first, and not a part of Node's pool: it is the caller's alone.
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(part.length).buffer, 0, part.length)
    for (let at = 0; at < part.length;) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(part.length - at, READ_BYTES), part.offset + at)
      if (bytesRead === 0) throw tooShort(name, root, part.offset + at, `${part.length} bytes from ${part.offset}`)
      at += bytesRead
    }
    return bytes
  } finally {
    await handle.close()
  }
}

/** The size of an object. Throws `not-found` or what the system says. */
export const statFile = async (root: string, name: string): Promise<ObjectInfo> => {
  const info = await lstat(join(root, name))
  if (!info.isFile()) throw notFound(name, root)
  return { name, size: info.size }
}

/**
 * The objects beneath a directory (`DATA/`, `""` for all), some hundred at a time; one directory is open at a time.
 * Leaves out temporary files, what is not a regular file, what has a name that no object has, and what vanishes
 * meanwhile.
 */
export async function* listFiles(root: string, directory: string): AsyncGenerator<ReadonlyArray<ObjectInfo>, void> {
  const pending = [directory]
  const sizeOf = async (name: string): Promise<ObjectInfo | undefined> => {
    try {
      const info = await lstat(join(root, name))
      if (info.isDirectory()) pending.push(`${name}/`)
      return info.isFile() ? { name, size: info.size } : undefined
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return undefined
      throw cause
    }
  }
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const open = await openDirectory(join(root, at), at === "")
    if (open === undefined) continue
    try {
      for (let more = true; more;) {
        const names: Array<string> = []
        while (more && names.length < LIST_BATCH) {
          const entry = await open.read()
          if (entry === null) more = false
          else if (nameError(at + entry.name) === undefined) names.push(at + entry.name)
        }
        const found = (await Promise.all(names.map(sizeOf))).filter((info) => info !== undefined)
        if (found.length > 0) yield found
      }
    } finally {
      await open.close()
    }
  }
}

const openDirectory = async (path: string, isRoot: boolean): Promise<Dir | undefined> => {
  try {
    return await opendir(path, { bufferSize: LIST_BATCH })
  } catch (cause) {
    const code = codeOf(cause)
    if (!isRoot && (code === "ENOENT" || code === "ENOTDIR")) return undefined
    throw cause
  }
}

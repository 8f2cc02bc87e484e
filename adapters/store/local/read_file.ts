/** Reads objects that are files. */
import { constants } from "node:fs"
import { Buffer } from "node:buffer"
import { lstat, open } from "node:fs/promises"
import { join } from "node:path"
import { resolvePart } from "../../../stages/store/resolve_part.ts"
import { notFound, tooShort } from "../../../stages/store/errors.ts"
import type { ObjectInfo, Range, Whole } from "../../../stages/store/store.ts"

/** Follows no links, and does not wait for the other end of a pipe. Windows has neither flag. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
/** Bytes of one read. Node takes 2^31 - 1 at most. */
const READ_BYTES = 1 << 30
/**
 * Reads an object or a part of it, into fresh bytes. Throws `not-found`, `corrupt` or `invalid`, or a system error.
 */
export const readFile = (root: string, name: string, wanted: Range | Whole): Promise<Uint8Array> =>
  readFileAt(join(root, name), root, name, wanted)

/** The same for an object `name` that is the file at `path`. */
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
    // Not filled with zeros, and not a part of Node's pool, so the caller owns all of it.
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

/** The size of an object. Throws `not-found`, or a system error. */
export const statFile = async (root: string, name: string): Promise<ObjectInfo> => {
  const info = await lstat(join(root, name))
  if (!info.isFile()) throw notFound(name, root)
  return { name, size: info.size }
}

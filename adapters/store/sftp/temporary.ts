/** Files under way on a server: written under a temporary name, named when they are whole and durable. */
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import type { Temporary } from "../local/temporary.ts"
import { STALE_MS } from "../local/temporary.ts"
import { alreadyExists, TEMPORARY } from "../../../stages/store/name.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { type Directories, openToSync, parentOf } from "./directories.ts"
import {
  FAILURE,
  NO_SUCH_FILE,
  PERMISSION_DENIED,
  pipelined,
  REQUEST_BYTES,
  type Session,
  statusOf,
  UNSUPPORTED,
} from "./session.ts"
import { explainFailure } from "./status_error.ts"

/** Where a store lies, and how messages name it. */
export interface Place {
  /** Path on the server, without `/` at its end. */
  readonly root: string
  readonly location: string
  readonly directories: Directories
  /** Whether the server makes names durable. */
  readonly syncs: boolean
}

/** Opens a temporary file for the object `name`. It lives as long as the connection of the session. */
export const openTemporary = async (session: Session, place: Place, name: string): Promise<Temporary> => {
  const { root, location, directories, syncs } = place
  const path = `${root}/${TEMPORARY}/${crypto.randomUUID()}`
  const final = `${root}/${name}`
  /** Says why, while the file is still there: it may be what fills the disk. */
  const explained = async <A>(bytes: number, work: () => Promise<A>): Promise<A> => {
    try {
      return await work()
    } catch (cause) {
      throw await explainFailure(session, root, name, location, bytes, cause)
    }
  }
  const handle = await explained(0, () => directories.within(session, TEMPORARY, () => session.open(path, "new")))
  let isOpen = true
  let isNamed = true
  let position = 0
  return {
    write: async (parts, stopped) => {
      function* jobs(): Generator<() => Promise<void>, void> {
        for (const bytes of requestsOf(parts)) {
          const at = position
          position += bytes.length
          yield () => session.write(handle, bytes, at)
        }
      }
      await explained(REQUEST_BYTES, () => pipelined(jobs(), stopped))
    },
    publish: (_name, replace) =>
      explained(0, () =>
        directories.within(session, parentOf(name), async () => {
          const opening = syncs ? openToSync(session, parentOf(final)) : undefined
          opening?.catch(() => {})
          try {
            if (isOpen && session.extensions.fsync) await session.fsync(handle)
            const closed = isOpen ? session.close(handle) : Promise.resolve()
            isOpen = false
            // Without a sync the close may be what tells that the bytes are not written.
            if (!session.extensions.fsync) await closed
            const gone = replace
              ? renameOver(session, path, final, name, location)
              : publishNew(session, path, final, name, location)
            const [renamed] = await Promise.all([gone, closed])
            if (renamed) isNamed = false
          } catch (cause) {
            // It may be there by an earlier try, whose answer got lost before the name was synced.
            const exists = cause instanceof StoreError && cause.reason === "exists"
            await opening?.then((opened) => exists ? opened.sync() : opened.close()).catch(() => {})
            throw cause
          }
          await (await opening)?.sync()
        })),
    discard: async () => {
      const tasks: Array<Promise<void>> = []
      if (isOpen) tasks.push(session.close(handle))
      if (isNamed) tasks.push(session.remove(path))
      isOpen = isNamed = false
      await Promise.allSettled(tasks)
    },
  }
}

/** Parts as they are sent: all but the last of one length. What lies in one part is not copied. */
function* requestsOf(parts: ReadonlyArray<Uint8Array>): Generator<Buffer, void> {
  let gathered: Buffer | undefined
  let length = 0
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const rest = part.length - at
      if (gathered === undefined && rest >= REQUEST_BYTES) {
        yield Buffer.from(part.buffer, part.byteOffset + at, REQUEST_BYTES)
        at += REQUEST_BYTES
        continue
      }
      gathered ??= Buffer.allocUnsafe(REQUEST_BYTES)
      const taken = Math.min(rest, REQUEST_BYTES - length)
      gathered.set(part.subarray(at, at + taken), length)
      at += taken
      length += taken
      if (length === REQUEST_BYTES) {
        yield gathered
        gathered = undefined
        length = 0
      }
    }
  }
  if (gathered !== undefined) yield gathered.subarray(0, length)
}

const isThere = async (session: Session, path: string): Promise<boolean> => {
  try {
    await session.lstat(path)
    return true
  } catch (cause) {
    if (statusOf(cause) === NO_SUCH_FILE) return false
    throw cause
  }
}

/**
 * Gives the file `path` the name `final`, unless there is one of that name: then throws `exists`. Returns whether
 * `path` is gone.
 *
 * By a hard link, which is atomic and exclusive. Where there are none, the right to a name is a file beside `path` that
 * must not be there before: who has made it looks whether the name is free and renames. That holds as long as every
 * writer goes this way. What breaks off within leaves the claim, never part of an object: others then fail with
 * `unavailable` until it is removed by hand or as an old temporary file.
 */
const publishNew = async (
  session: Session,
  path: string,
  final: string,
  name: string,
  location: string,
): Promise<boolean> => {
  if (session.extensions.hardlink) {
    try {
      await session.hardlink(path, final)
      return false
    } catch (cause) {
      // The status does not say whether the name is taken or the file system has no hard links.
      if (![FAILURE, PERMISSION_DENIED, UNSUPPORTED].includes(statusOf(cause)!)) throw cause
      if (await isThere(session, final)) throw alreadyExists(name, location, cause)
    }
  }
  const claim = `${path.slice(0, path.lastIndexOf("/"))}/claim-${createHash("sha256").update(name).digest("hex")}`
  try {
    await session.close(await session.open(claim, "new"))
  } catch (cause) {
    if (statusOf(cause) === undefined || !await isThere(session, claim)) throw cause
    throw new StoreError({
      reason: "unavailable",
      object: name,
      message:
        `Cannot write "${name}" in ${location}: another writer claims the name; when none is running, remove ${claim} on the server`,
      cause,
    })
  }
  try {
    if (await isThere(session, final)) throw alreadyExists(name, location)
    await session.rename(path, final)
    return true
  } finally {
    await session.remove(claim).catch(() => {})
  }
}

const renameOver = async (
  session: Session,
  path: string,
  final: string,
  name: string,
  location: string,
): Promise<true> => {
  try {
    await (session.extensions.posixRename ? session.posixRename(path, final) : session.rename(path, final))
    return true
  } catch (cause) {
    if (session.extensions.posixRename || statusOf(cause) === undefined || !await isThere(session, final)) throw cause
    throw new StoreError({
      reason: "io",
      object: name,
      message:
        `Cannot replace "${name}" in ${location}: the server has no posix-rename@openssh.com, and so no way that is safe`,
      cause,
    })
  }
}

/**
 * Removes temporary files that were last written before `now - STALE_MS` by the clock of the server. What cannot be
 * removed stays.
 */
export const removeStale = async (session: Session, root: string, now: number): Promise<void> => {
  const directory = `${root}/${TEMPORARY}`
  let handle
  try {
    handle = await session.openDirectory(directory)
  } catch {
    return // no such directory, or one that may not be read
  }
  for (;;) {
    const entries = await session.readDirectory(handle).catch(() => undefined)
    if (entries === undefined) break
    const stale = entries.filter(({ attrs }) =>
      (attrs.mode & 0o170000) === 0o100000 && attrs.mtime * 1000 < now - STALE_MS
    )
    // Another process may remove the same file first.
    await Promise.allSettled(stale.map(({ filename }) => session.remove(`${directory}/${filename}`)))
  }
  await session.close(handle).catch(() => {})
}

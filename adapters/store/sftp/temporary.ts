/** Unfinished files on a server: they have a temporary name until they are whole and durable. */
import { Buffer } from "node:buffer"
import type { Temporary } from "../local/temporary.ts"
import { STALE_MS, TEMPORARY } from "../../../stages/store/name.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { parentOf } from "../local/known_directories.ts"
import { type Directories, openToSync } from "./directories.ts"
import { isFile } from "./file_type.ts"
import { pipelined } from "./pipelined.ts"
import { publishNew, renameOver } from "./publish.ts"
import { REQUEST_BYTES, type Session } from "./session.ts"
import { explainFailure } from "./sftp_error.ts"

/** A store on a server. */
export interface Place {
  /** Path on the server, without `/` at its end. */
  readonly root: string
  readonly location: string
  readonly directories: Directories
  /** Whether the server can make names durable. */
  readonly syncs: boolean
}

/** Opens a temporary file for the object `name`. It can be used as long as the connection of the session holds. */
export const openTemporary = async (session: Session, place: Place, name: string): Promise<Temporary> => {
  const { root, location, directories, syncs } = place
  const path = `${root}/${TEMPORARY}/${crypto.randomUUID()}`
  const final = `${root}/${name}`
  /** Explains a failure while the temporary file still exists, because that may be what fills the disk. */
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
            // Without fsync, only the close may tell that the bytes were not written.
            if (!session.extensions.fsync) await closed
            const gone = replace
              ? renameOver(session, path, final, name, location)
              : publishNew(session, path, final, name, location)
            const [renamed] = await Promise.all([gone, closed])
            if (renamed) isNamed = false
          } catch (cause) {
            // An earlier try may have made it, and lost its answer before the name was synced.
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

/** The parts as they are sent: all but the last have one length. Bytes that lie in one part are not copied. */
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

/**
 * Removes temporary files that were last written before `now - STALE_MS` by the clock of the server. Failures are
 * ignored.
 */
export const removeStale = async (session: Session, root: string, now: number): Promise<void> => {
  const directory = `${root}/${TEMPORARY}`
  let handle
  try {
    handle = await session.openDirectory(directory)
  } catch {
    return // there is no such directory, or it may not be read
  }
  for (;;) {
    const entries = await session.readDirectory(handle).catch(() => undefined)
    if (entries === undefined) break
    const stale = entries.filter(({ attrs }) => isFile(attrs) && attrs.mtime * 1000 < now - STALE_MS)
    // Another process may remove the same file first.
    await Promise.allSettled(stale.map(({ filename }) => session.remove(`${directory}/${filename}`)))
  }
  await session.close(handle).catch(() => {})
}

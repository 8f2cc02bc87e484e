/** Reads objects that are files on a server. */
import { Buffer } from "node:buffer"
import type { ObjectInfo, Range, Whole } from "../../../stages/store/store.ts"
import { listingBound } from "../../../stages/store/listing_bound.ts"
import { nameError, notFound, resolvePart, resolveRange, tooShort } from "../../../stages/store/name.ts"
import { EOF, type Handle, NO_SUCH_FILE, pipelined, REQUEST_BYTES, type Session, statusOf } from "./session.ts"
import type { Attributes } from "./ssh2.ts"

/** A range up to this long is read at once, before it is known whether the object is that long. */
const AT_ONCE = 4 << 20
/** Directories that are read at once. */
const LISTINGS = 8

const TYPE = 0o170000
const isFile = ({ mode }: Attributes): boolean => (mode & TYPE) === 0o100000
const isDirectory = ({ mode }: Attributes): boolean => (mode & TYPE) === 0o040000

/** Fills `target` from `position` on; false when the file ends before. */
const fill = async (session: Session, handle: Handle, target: Buffer, position: number): Promise<boolean> => {
  let ended = false
  function* jobs(): Generator<() => Promise<void>, void> {
    for (let at = 0; at < target.length && !ended; at += REQUEST_BYTES) {
      const part = target.subarray(at, at + REQUEST_BYTES)
      yield async () => {
        // A server may give less than it was asked for.
        for (let done = 0; done < part.length;) {
          const bytes = await session.read(handle, part.subarray(done), position + at + done).catch((cause) => {
            if (statusOf(cause) === EOF) return 0
            throw cause
          })
          if (bytes === 0) ended = true
          if (ended) return
          done += bytes
        }
      }
    }
  }
  await pipelined(jobs())
  return !ended
}

/**
 * Reads an object or a part of it, into fresh bytes. Throws `not-found`, `corrupt`, `invalid` or what the server says.
 */
export const readFile = async (
  session: Session,
  root: string,
  location: string,
  name: string,
  wanted: Range | Whole,
): Promise<Uint8Array> => {
  // What no object can have, before any request.
  const range = "atMost" in wanted ? undefined : wanted
  const checked = range && resolveRange(name, location, Number.MAX_SAFE_INTEGER, range)
  if (checked !== undefined && "_tag" in checked && checked.reason === "invalid") throw checked
  const handle = await session.open(`${root}/${name}`, "read")
  let early: ReturnType<typeof read> | undefined
  try {
    const attributes = session.fstat(handle)
    early = range !== undefined && range.offset >= 0 && range.length <= AT_ONCE
      ? read(session, handle, range)
      : undefined
    early?.catch(() => {})
    const info = await attributes
    if (!isFile(info)) throw notFound(name, location)
    const part = resolvePart(name, location, info.size, wanted)
    if ("_tag" in part) throw part
    const { bytes, whole } = await (early ?? read(session, handle, part))
    if (!whole) throw tooShort(name, location, info.size, `${part.length} bytes from ${part.offset}`)
    return bytes
  } finally {
    // Nobody waits for it: it changes nothing.
    Promise.allSettled([early]).then(() => session.close(handle)).catch(() => {})
  }
}

const read = async (session: Session, handle: Handle, { offset, length }: Range) => {
  // Not zeroed first, and not a part of Node's pool: it is the caller's alone.
  const target = Buffer.allocUnsafeSlow(length)
  const whole = await fill(session, handle, target, offset)
  return { bytes: new Uint8Array(target.buffer, 0, length), whole }
}

/** The size of an object. Throws `not-found` or what the server says. */
export const statFile = async (session: Session, root: string, location: string, name: string): Promise<ObjectInfo> => {
  const info = await session.lstat(`${root}/${name}`)
  if (!isFile(info)) throw notFound(name, location)
  return { name, size: info.size }
}

/**
 * The objects beneath a directory (`DATA/`, `""` for all), some at a time; some directories are read at once. Leaves
 * out temporary files, what is not a regular file, what has a name that no object has, and what vanishes meanwhile.
 */
export async function* listFiles(
  session: Session,
  root: string,
  directory: string,
  location: string,
): AsyncGenerator<ReadonlyArray<ObjectInfo>, void> {
  const count = listingBound(directory, location)
  const pending = [directory]
  const ready: Array<Listing> = []
  let reading = 0
  let failure: { readonly cause: unknown } | undefined
  let left = false
  let wake = (): void => {}
  const begin = (work: Promise<Listing>): void => {
    reading++
    work.then((listing) => left ? closeListing(session, listing) : void ready.push(listing), (cause: unknown) => {
      failure ??= { cause }
    }).then(() => {
      reading--
      wake()
    })
  }
  try {
    for (;;) {
      while (pending.length > 0 && reading + ready.length < LISTINGS) begin(openListing(session, root, pending.pop()!))
      if (failure !== undefined) throw failure.cause
      const listing = ready.shift()
      if (listing !== undefined) {
        // The end of a directory is not counted: it has been, by its name.
        if (listing.handle !== undefined) {
          count({ objects: listing.objects.length, directories: listing.directories.length })
        }
        pending.push(...listing.directories)
        if (listing.handle !== undefined) begin(readListing(session, listing.at, listing.handle))
        if (listing.objects.length > 0) yield listing.objects
      } else if (reading > 0) await new Promise<void>((resolve) => wake = resolve)
      else return
    }
  } finally {
    left = true
    for (const listing of ready) closeListing(session, listing)
  }
}

/** Some of what is in a directory. */
interface Listing {
  /** The directory, with `/` at its end, or `""`. */
  readonly at: string
  readonly objects: ReadonlyArray<ObjectInfo>
  readonly directories: ReadonlyArray<string>
  /** To read more of it. */
  readonly handle?: Handle
}

const closeListing = (session: Session, { handle }: Listing): void => {
  if (handle !== undefined) session.close(handle).catch(() => {})
}

const openListing = async (session: Session, root: string, at: string): Promise<Listing> => {
  const handle = await openDirectory(session, at === "" ? root : `${root}/${at.slice(0, -1)}`, at === "")
  return handle === undefined ? { at, objects: [], directories: [] } : readListing(session, at, handle)
}

const readListing = async (session: Session, at: string, handle: Handle): Promise<Listing> => {
  const entries = await session.readDirectory(handle)
  if (entries === undefined) {
    session.close(handle).catch(() => {})
    return { at, objects: [], directories: [] }
  }
  const named = entries.filter(({ filename }) => nameError(at + filename) === undefined)
  return {
    at,
    handle,
    objects: named.filter(({ attrs }) => isFile(attrs)).map(({ filename, attrs }) => ({
      name: at + filename,
      size: attrs.size,
    })),
    directories: named.filter(({ attrs }) => isDirectory(attrs)).map(({ filename }) => `${at}${filename}/`),
  }
}

/** Undefined when there is no such directory, unless it is the root. */
const openDirectory = async (session: Session, path: string, isRoot: boolean): Promise<Handle | undefined> => {
  try {
    return await session.openDirectory(path)
  } catch (cause) {
    if (isRoot || statusOf(cause) === undefined) throw cause
    if (statusOf(cause) === NO_SUCH_FILE) return undefined
    // The status for a file in its place may be a general failure.
    const info = await session.lstat(path)
    if (isFile(info)) return undefined
    throw cause
  }
}

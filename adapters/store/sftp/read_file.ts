/** Reads objects that are files on a server. */
import { Buffer } from "node:buffer"
import { resolvePart, resolveRange } from "../../../stages/store/resolve_part.ts"
import { notFound, tooShort } from "../../../stages/store/errors.ts"
import type { ObjectInfo, Range, Whole } from "../../../stages/store/store.ts"
import { EOF, type Handle, REQUEST_BYTES, type Session, sftpStatusOf } from "./session.ts"
import { isFile } from "./file_type.ts"
import { pipelined } from "./pipelined.ts"

/** A range up to this length is read before the size of the object is known, to save a round trip. In bytes. */
const EARLY_BYTES = 4 << 20
/** Fills `target` from `position` on. False if the file ends before. */
const fill = async (session: Session, handle: Handle, target: Buffer, position: number): Promise<boolean> => {
  let ended = false
  function* jobs(): Generator<() => Promise<void>, void> {
    for (let at = 0; at < target.length && !ended; at += REQUEST_BYTES) {
      const part = target.subarray(at, at + REQUEST_BYTES)
      yield async () => {
        // A server may give less than it was asked for.
        for (let done = 0; done < part.length;) {
          const bytes = await session.read(handle, part.subarray(done), position + at + done).catch((cause) => {
            if (sftpStatusOf(cause) === EOF) return 0
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
 * Reads an object or a part of it, into fresh bytes. Throws `not-found`, `corrupt` or `invalid`, or an error of the
 * session.
 */
export const readFile = async (
  session: Session,
  root: string,
  location: string,
  name: string,
  wanted: Range | Whole,
): Promise<Uint8Array> => {
  // An invalid range is refused before any request.
  const range = "atMost" in wanted ? undefined : wanted
  const checked = range && resolveRange(name, location, Number.MAX_SAFE_INTEGER, range)
  if (checked !== undefined && "_tag" in checked && checked.reason === "invalid") throw checked
  const handle = await session.open(`${root}/${name}`, "read")
  let early: ReturnType<typeof readRange> | undefined
  try {
    const attributes = session.fstat(handle)
    early = range !== undefined && range.offset >= 0 && range.length <= EARLY_BYTES
      ? readRange(session, handle, range)
      : undefined
    early?.catch(() => {})
    const info = await attributes
    if (!isFile(info)) throw notFound(name, location)
    const part = resolvePart(name, location, info.size, wanted)
    if ("_tag" in part) throw part
    const { bytes, whole } = await (early ?? readRange(session, handle, part))
    if (!whole) throw tooShort(name, location, info.size, `${part.length} bytes from ${part.offset}`)
    return bytes
  } finally {
    // Nobody waits for the close, because it changes nothing.
    Promise.allSettled([early]).then(() => session.close(handle)).catch(() => {})
  }
}

const readRange = async (session: Session, handle: Handle, { offset, length }: Range) => {
  // Not filled with zeros, and not a part of Node's pool, so the caller owns all of it.
  const target = Buffer.allocUnsafeSlow(length)
  const whole = await fill(session, handle, target, offset)
  return { bytes: new Uint8Array(target.buffer, 0, length), whole }
}

/** The size of an object. Throws `not-found`, or an error of the session. */
export const statFile = async (session: Session, root: string, location: string, name: string): Promise<ObjectInfo> => {
  const info = await session.lstat(`${root}/${name}`)
  if (!isFile(info)) throw notFound(name, location)
  return { name, size: info.size }
}

/** What a server answers, as errors of a store. */
import { StoreError } from "../../../stages/store/store.ts"
import { notFound } from "../../../stages/store/name.ts"
import {
  BAD_MESSAGE,
  ConnectionLost,
  FAILURE,
  NO_SUCH_FILE,
  PERMISSION_DENIED,
  type Session,
  statusOf,
  UNSUPPORTED,
} from "./session.ts"

/** `ST_RDONLY` of statvfs(3). */
const READ_ONLY = 1

/**
 * The error for a failed operation on an object: `doing` is `read`, `write`, `list`, `remove` or `open`. What is a
 * {@link StoreError} stays as it is.
 */
export const statusError = (doing: string, name: string, location: string, cause: unknown): StoreError => {
  const what = name === "" ? location : `"${name}" in ${location}`
  const error = (reason: StoreError["reason"], why: string): StoreError =>
    new StoreError({ reason, object: name, message: `Cannot ${doing} ${what}: ${why}`, cause })
  if (cause instanceof StoreError) {
    return cause.object === "" && name !== "" ? new StoreError({ ...fieldsOf(cause), object: name }) : cause
  }
  if (cause instanceof ConnectionLost) return error("unavailable", `the connection broke (${cause.message})`)
  switch (statusOf(cause)) {
    case NO_SUCH_FILE:
      return doing === "read"
        ? notFound(name, location, cause)
        : error("io", "a directory or temporary file of the store vanished meanwhile")
    case PERMISSION_DENIED:
      return error("denied", "permission denied; check the owner and mode of the files on the server")
    case UNSUPPORTED:
      return error("io", "the server does not support it")
    case BAD_MESSAGE:
      return error("invalid", "the server does not take such a name or value")
    case FAILURE:
      return error(
        "io",
        `the server says "${messageOf(cause)}" and not why; its disk may be full, over quota, or damaged`,
      )
    default:
      return error("io", messageOf(cause))
  }
}

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const fieldsOf = ({ reason, message, cause, retryAfter }: StoreError) => ({
  reason,
  message,
  cause,
  ...(retryAfter === undefined ? {} : { retryAfter }),
})

/**
 * The status for a full disk or a read-only file system is a general failure: looks at the file system that `path` is
 * on, and returns the error to throw instead. `bytes` were to be written.
 */
export const explainFailure = async (
  session: Session,
  path: string,
  name: string,
  location: string,
  bytes: number,
  cause: unknown,
): Promise<unknown> => {
  if (statusOf(cause) !== FAILURE || !session.extensions.statvfs) return cause
  const space = await session.statvfs(path).catch(() => undefined)
  if (space === undefined) return cause
  const error = (reason: StoreError["reason"], why: string): StoreError =>
    new StoreError({ reason, object: name, message: `Cannot write "${name}" in ${location}: ${why}`, cause })
  if ((space.f_flag & READ_ONLY) !== 0) return error("denied", "the file system of the server is read-only")
  if (space.f_bavail * space.f_frsize < Math.max(bytes, space.f_frsize)) {
    return error("full", "no space is left on the disk of the server; make room and run again")
  }
  if (space.f_files > 0 && space.f_favail === 0) {
    return error("full", "the file system of the server takes no more files; make room and run again")
  }
  return cause
}

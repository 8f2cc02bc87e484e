/** Errors of a store for the answers of a server. */
import { notFound } from "../../../stages/store/errors.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import {
  BAD_MESSAGE,
  ConnectionLost,
  FAILURE,
  NO_SUCH_FILE,
  PERMISSION_DENIED,
  type Session,
  sftpStatusOf,
  UNSUPPORTED,
} from "./session.ts"

/** `ST_RDONLY` of statvfs(3). */
const READ_ONLY = 1

/**
 * The error for what an operation threw. A {@link StoreError} stays as it is, but gets the name of the object if it has
 * none.
 */
export const sftpError = (operation: Operation, cause: unknown): StoreError => {
  const { doing, location, name } = operation
  const error = (reason: StoreError["reason"], why: string): StoreError =>
    operationError(operation, reason, why, { cause })
  if (cause instanceof StoreError) {
    return cause.object === "" && name !== "" ? new StoreError({ ...fieldsOf(cause), object: name }) : cause
  }
  if (cause instanceof ConnectionLost) return error("unavailable", `the connection broke (${cause.message})`)
  switch (sftpStatusOf(cause)) {
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
        `the server says "${messageOf(cause)}" without a reason; its disk may be full, over quota, or damaged`,
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
 * Explains why `bytes` could not be written. The status for a full disk or a read-only file system is a general
 * failure, so this looks at the file system of `path`. Gives the error to throw instead of `cause`.
 */
export const explainFailure = async (
  session: Session,
  path: string,
  name: string,
  location: string,
  bytes: number,
  cause: unknown,
): Promise<unknown> => {
  if (sftpStatusOf(cause) !== FAILURE || !session.extensions.statvfs) return cause
  const space = await session.statvfs(path).catch(() => undefined)
  if (space === undefined) return cause
  const error = (reason: StoreError["reason"], why: string): StoreError =>
    operationError({ doing: "write", name, location }, reason, why, { cause })
  if ((space.f_flag & READ_ONLY) !== 0) return error("denied", "the file system of the server is read-only")
  if (space.f_bavail * space.f_frsize < Math.max(bytes, space.f_frsize)) {
    return error("full", "no space is left on the disk of the server; make room and run again")
  }
  if (space.f_files > 0 && space.f_favail === 0) {
    return error("full", "the file system of the server takes no more files; make room and run again")
  }
  return cause
}

/** Errors of the file system as errors of a store. */
import { alreadyExists, notFound } from "../../../stages/store/errors.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { type Operation, operationError } from "../../../stages/store/operation.ts"

/** The code of a system error (`ENOENT`); undefined for other errors. */
export const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

type Reason = StoreError["reason"]

const known: Readonly<Record<string, readonly [Reason, string]>> = {
  EACCES: ["denied", "permission denied; check the owner and mode of the files"],
  EPERM: ["denied", "the operation is not permitted; check the owner, mode and attributes (lsattr) of the files"],
  EROFS: ["denied", "the file system is read-only"],
  ENOSPC: ["full", "no space is left on the device; make room and run again"],
  EDQUOT: ["full", "the disk quota is used up; make room and run again"],
  EFBIG: ["full", "the file system does not take files that long"],
  ENAMETOOLONG: ["invalid", "the file system does not take names that long"],
  EMFILE: ["unavailable", "too many files are open"],
  ENFILE: ["unavailable", "too many files are open on this machine"],
  EAGAIN: ["unavailable", "a resource is busy"],
  EBUSY: ["unavailable", "a resource is busy"],
  EINTR: ["unavailable", "a system call was interrupted"],
  ETIMEDOUT: ["unavailable", "the file system did not answer in time"],
  ESTALE: ["unavailable", "the network file system lost its handle"],
  EXDEV: ["io", `it lies on another file system than "tmp" of the store; keep the whole store on one`],
  ENOENT: ["io", "a directory or temporary file of the store vanished"],
  ENOTDIR: ["io", "an object or file stands where a directory is needed"],
  EISDIR: ["io", "a directory stands in its place"],
  EIO: ["io", "the device reports an input/output error; check its health"],
}

/** The error for what an operation threw. A {@link StoreError} stays as it is. */
export const fileError = (operation: Operation, cause: unknown): StoreError => {
  if (cause instanceof StoreError) return cause
  const { doing, location, name } = operation
  const code = codeOf(cause)
  if (doing === "read" && (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "EISDIR")) {
    return notFound(name, location, cause)
  }
  if (code === "EEXIST") return alreadyExists(name, location, cause)
  const [reason, why] = known[code ?? ""] ?? ["io", cause instanceof Error ? cause.message : String(cause)]
  return operationError(operation, reason, why, { cause })
}

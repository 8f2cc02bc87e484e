import { SourceError, TargetError } from "../../../stages/walk/errors.ts"
/** Turns errors of the operating system into sentences and into the errors of the ports. */

const sentences: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EAGAIN: "There is nothing to read at the moment",
  EBUSY: "Device or resource busy",
  EDQUOT: "Disk quota exceeded",
  EEXIST: "It exists already",
  EFBIG: "File too large",
  EINVAL: "Invalid argument",
  EIO: "Input/output error",
  EISDIR: "Is a directory",
  ELOOP: "Too many levels of symbolic links",
  EMFILE: "Too many open files",
  EMLINK: "Too many links",
  ENAMETOOLONG: "File name too long",
  ENFILE: "Too many open files in the system",
  ENODEV: "No such device",
  ENOENT: "No such file or directory",
  ENOMEM: "Out of memory",
  ENOSPC: "No space left on device",
  ENOTDIR: "Not a directory",
  ENOTEMPTY: "Directory not empty",
  ENOTSUP: "Operation not supported",
  ENXIO: "No such device or address",
  EOPNOTSUPP: "Operation not supported",
  EPERM: "Operation not permitted",
  EROFS: "Read-only file system",
  ESTALE: "Stale file handle",
  ETXTBSY: "Text file busy",
  EXDEV: "It is on another file system",
}

/** The code of an error of `node:fs`, or `""`. */
export const errorCode = (cause: unknown): string => {
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  return typeof code === "string" ? code : ""
}

/** A sentence without a path for an error of `node:fs`. */
export const errorSentence = (cause: unknown): string =>
  sentences[errorCode(cause)] ?? (cause instanceof Error ? cause.message : String(cause))

/** The {@link SourceError} about `path` for a cause. A cause that is a SourceError stays as it is. */
export const sourceError = (path: string, cause: unknown): SourceError => {
  if (cause instanceof SourceError) return cause
  const code = errorCode(cause)
  return new SourceError({
    reason: code === "ENOENT" || code === "ENOTDIR"
      ? "not-found"
      : code === "EACCES" || code === "EPERM"
      ? "denied"
      : "io",
    path,
    message: errorSentence(cause),
    cause,
  })
}

/** The {@link TargetError} about `path` for a cause. A cause that is a TargetError stays as it is. */
export const targetError = (path: string, cause: unknown): TargetError => {
  if (cause instanceof TargetError) return cause
  const code = errorCode(cause)
  return new TargetError({
    reason: code === "ENOSPC" || code === "EDQUOT"
      ? "full"
      : code === "EACCES" || code === "EPERM" || code === "EROFS"
      ? "denied"
      : "io",
    path,
    message: errorSentence(cause),
    cause,
  })
}

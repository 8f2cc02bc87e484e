/** Gives a finished file its name, so that of several writers of one name exactly one succeeds. */
import { createHash } from "node:crypto"
import { alreadyExists } from "../../../stages/store/errors.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { FAILURE, NO_SUCH_FILE, PERMISSION_DENIED, type Session, sftpStatusOf, UNSUPPORTED } from "./session.ts"

/** Whether there is anything of that name. */
const isThere = async (session: Session, path: string): Promise<boolean> => {
  try {
    await session.lstat(path)
    return true
  } catch (cause) {
    if (sftpStatusOf(cause) === NO_SUCH_FILE) return false
    throw cause
  }
}

/**
 * Gives the file `path` the name `final`. Throws `exists` if that name is taken. Returns whether `path` is gone.
 *
 * It uses a hard link, which is atomic and exclusive. Without hard links, the right to a name is a claim: a file beside
 * `path` that only one writer can make. The writer that made it looks whether the name is free, and renames. This holds
 * if every writer does the same. A crash in between leaves the claim, but never a part of an object. Other writers then
 * fail with `unavailable` until the claim is removed, by hand or as an old temporary file.
 */
export const publishNew = async (
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
      if (![FAILURE, PERMISSION_DENIED, UNSUPPORTED].includes(sftpStatusOf(cause)!)) throw cause
      if (await isThere(session, final)) throw alreadyExists(name, location, cause)
    }
  }
  const claim = `${path.slice(0, path.lastIndexOf("/"))}/claim-${createHash("sha256").update(name).digest("hex")}`
  try {
    await session.close(await session.open(claim, "new"))
  } catch (cause) {
    if (sftpStatusOf(cause) === undefined || !await isThere(session, claim)) throw cause
    throw new StoreError({
      reason: "unavailable",
      object: name,
      message: `Cannot write "${name}" in ${location}: another writer claims the name; if none is running, ` +
        `remove ${claim} on the server`,
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

/** Gives the file `path` the name `final`, in place of a file of that name. */
export const renameOver = async (
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
    if (session.extensions.posixRename || sftpStatusOf(cause) === undefined || !await isThere(session, final)) {
      throw cause
    }
    throw new StoreError({
      reason: "io",
      object: name,
      message:
        `Cannot replace "${name}" in ${location}: the server has no posix-rename@openssh.com, so there is no safe way`,
      cause,
    })
  }
}

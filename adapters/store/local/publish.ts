/** Gives a finished file its name, so that of several writers of one name exactly one succeeds. */
import { createHash } from "node:crypto"
import * as fs from "node:fs/promises"
import { dirname, join } from "node:path"
import { StoreError } from "../../../stages/store/store.ts"
import { codeOf } from "./file_error.ts"

/** Errors of `link` on file systems without hard links (FAT, exFAT, some network mounts). */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])
const CLAIM_POLL_MS = 50
const CLAIM_WAIT_MS = 10_000

const exists = async (path: string): Promise<boolean> => {
  try {
    await fs.lstat(path)
    return true
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return false
    throw cause
  }
}

const takenError = (path: string): Error => Object.assign(new Error(`${path} exists`), { code: "EEXIST" })

/** Whether `link` succeeded although it failed: its answer can be lost over NFS. */
const isLinked = async (temporary: string): Promise<boolean> => {
  try {
    return (await fs.lstat(temporary)).nlink > 1
  } catch {
    return false
  }
}

/** Other ways than the defaults; for tests. */
export interface PublishOptions {
  /** In place of `link(2)`. */
  readonly link?: (from: string, to: string) => Promise<void>
  /** How long to wait for the claim of another writer, in milliseconds. */
  readonly claimWait?: number
}

/**
 * Gives the file `temporary` the name `final` on the same file system. Throws `EEXIST` if that name is taken.
 * `temporary` may still exist afterwards; the caller removes it.
 *
 * It uses `link(2)`, which is atomic and exclusive. Over NFS the answer can be lost, and the repeated call then says
 * `EEXIST`; the number of links tells the truth (open(2), `O_EXCL`). Without hard links, the right to a name is a
 * claim: an empty file beside `temporary`, made with `O_EXCL`. The writer that made it looks whether the name is free,
 * and renames. This holds if every writer of that file system does the same. A crash in between leaves the claim, but
 * never a part of an object. Other writers then fail with `unavailable` until the claim is removed, by hand or as an
 * old temporary file.
 */
export const publishNew = async (
  temporary: string,
  final: string,
  options: PublishOptions = {},
): Promise<void> => {
  try {
    await (options.link ?? fs.link)(temporary, final)
  } catch (cause) {
    if (await isLinked(temporary)) return
    if (!NO_LINKS.has(codeOf(cause) ?? "")) throw cause
    await claimAndRename(temporary, final, options.claimWait ?? CLAIM_WAIT_MS)
  }
}

const claimAndRename = async (temporary: string, final: string, wait: number): Promise<void> => {
  const claim = join(dirname(temporary), `claim-${createHash("sha256").update(final).digest("hex")}`)
  for (let waited = 0;; waited += CLAIM_POLL_MS) {
    try {
      await (await fs.open(claim, "wx", 0o600)).close()
      break
    } catch (cause) {
      if (codeOf(cause) !== "EEXIST") throw cause
    }
    if (await exists(final)) throw takenError(final)
    if (waited >= wait) {
      throw new StoreError({
        reason: "unavailable",
        object: final,
        message: `Cannot write ${final}: another writer claims the name; if none is running, remove ${claim}`,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, CLAIM_POLL_MS))
  }
  try {
    if (await exists(final)) throw takenError(final)
    await fs.rename(temporary, final)
  } finally {
    await fs.rm(claim, { force: true })
  }
}

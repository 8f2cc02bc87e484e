/** Gives a finished file its name, so that of several writers of one name exactly one succeeds. */
import { createHash } from "node:crypto"
import * as fs from "node:fs/promises"
import { dirname, join } from "node:path"
import { StoreError } from "../../../stages/store/store.ts"
import { codeOf } from "./file_error.ts"

/** What `link` says where the file system has no hard links (FAT, exFAT, some network mounts). */
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

const taken = (path: string): Error => Object.assign(new Error(`${path} is there`), { code: "EEXIST" })

const linkedAfterAll = async (temporary: string): Promise<boolean> => {
  try {
    return (await fs.lstat(temporary)).nlink > 1
  } catch {
    return false
  }
}

/** For tests; a store uses the defaults. */
export interface PublishOptions {
  /** `link(2)`. */
  readonly link?: (from: string, to: string) => Promise<void>
  /** How long to wait for another's claim, in milliseconds. */
  readonly claimWait?: number
}

/**
 * Names the file `temporary` also `final`, unless there is one of that name: then throws `EEXIST`. `temporary` may be
 * there afterwards and is the caller's to remove. Both are on one file system.
 *
 * By `link(2)`, which is atomic and exclusive. Over NFS its answer may get lost and the repeated call say `EEXIST`; the
 * number of links tells (open(2), `O_EXCL`). Where there are no hard links, the right to a name is an empty file beside
 * `temporary`, opened with `O_EXCL`: who has it looks whether the name is free and renames. That holds as long as every
 * writer of that file system goes this way. A crash within leaves the claim, never part of an object: others then fail
 * with `unavailable` until the claim is removed by hand or as an old temporary file.
 */
export const publishNew = async (
  temporary: string,
  final: string,
  options: PublishOptions = {},
): Promise<void> => {
  try {
    await (options.link ?? fs.link)(temporary, final)
  } catch (cause) {
    if (await linkedAfterAll(temporary)) return
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
    if (await exists(final)) throw taken(final)
    if (waited >= wait) {
      throw new StoreError({
        reason: "unavailable",
        object: final,
        message: `Cannot write ${final}: another writer claims the name; when none is running, remove ${claim}`,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, CLAIM_POLL_MS))
  }
  try {
    if (await exists(final)) throw taken(final)
    await fs.rename(temporary, final)
  } finally {
    await fs.rm(claim, { force: true })
  }
}

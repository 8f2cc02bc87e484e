/** Reads a file back after it was written, and compares it with what was given to it. */
import { createHash, type Hash } from "node:crypto"
import * as fs from "node:fs"
import { TargetError } from "../../../stages/walk/errors.ts"
import type { NativePath } from "../system/native.ts"
import { READ_SAFELY } from "../system/open.ts"

/** Bytes that are read at once. */
const READ_BYTES = 1 << 20

/** A hash of what is given to a file. */
export const newDigest = (): Hash => createHash("sha256")

/**
 * Opens the file, and reads it when it is called again; it pauses after each MiB. Throws {@link TargetError} when the
 * content is not that of the digest.
 */
export function* readBack(path: string, native: NativePath, digest: Hash): Generator<undefined, void> {
  const fd = fs.openSync(native, READ_SAFELY)
  try {
    const [want, have] = [digest.digest(), newDigest()]
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    for (;;) {
      yield
      const count = fs.readSync(fd, buffer, 0, buffer.length, null)
      if (count === 0) break
      have.update(buffer.subarray(0, count))
    }
    if (have.digest().equals(want)) return
    throw new TargetError({
      reason: "io",
      path,
      message: "What was read back is not what was written: the disk or the memory of this machine may be failing",
    })
  } finally {
    fs.closeSync(fd)
  }
}

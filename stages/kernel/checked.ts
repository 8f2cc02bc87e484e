/**
 * Kernels that find out when they are faulty. All data of a backup goes through kernels. A fault of one would show at
 * the restore, when it is too late, so the output of each kernel is checked as soon as it is there.
 *
 * Every kernel is checked with a comparison or two (`checks.ts`): cuts lie where they may, IDs and sealed messages have
 * their lengths, and nothing but KernelError is thrown.
 *
 * A kernel that is not {@link trusted} is checked further (`proofs.ts`). It works on copies, so that it can neither
 * change content nor keep the memory of others. What it compressed or sealed is decoded and compared. A hasher names a
 * few messages before the first that counts.
 *
 * Three things cannot be checked: that a hasher never gives two contents the same ID, that a cipher keeps a secret, and
 * that a trusted kernel deserves the trust.
 */
import {
  checkedChunker,
  checkedCipher,
  checkedCompressor,
  checkedHasher,
  faulty,
  guard,
  type KernelName,
} from "./checks.ts"
import type { KernelOf, KernelStage } from "./kinds.ts"
import { provenCipher, provenCompressor, provenHasher } from "./proofs.ts"
import { isTrusted, trusted } from "./trusted.ts"

/** Makes a kernel that is checked. Throws KernelError `faulty` when `make` throws, or gives no object. */
export const makeChecked = <S extends KernelStage>(
  of: KernelName & { readonly stage: S },
  make: () => KernelOf[S],
): KernelOf[S] => {
  const kernel = guard(of, make)
  if (typeof kernel !== "object" || kernel === null) throw faulty(of, `its maker returned ${kernel}`)
  return checks[of.stage](of, kernel)
}

const checks: { readonly [S in KernelStage]: (of: KernelName, kernel: KernelOf[S]) => KernelOf[S] } = {
  chunk: (of, kernel) => isTrusted(kernel) ? trusted(checkedChunker(of, kernel)) : checkedChunker(of, kernel),
  hash: (of, kernel) => isTrusted(kernel) ? checkedHasher(of, kernel) : provenHasher(of, kernel),
  compress: (of, kernel) => isTrusted(kernel) ? checkedCompressor(of, kernel) : provenCompressor(of, kernel),
  encrypt: (of, kernel) => isTrusted(kernel) ? checkedCipher(of, kernel) : provenCipher(of, kernel),
}

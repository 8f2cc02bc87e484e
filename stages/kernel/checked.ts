/**
 * Kernels that find out when they are faulty. All that a backup keeps went through kernels, and a fault of one shows at
 * the restore, when it is too late; so what a kernel gives is checked where it gives it.
 *
 * Of every kernel: that cuts lie where they may, IDs have their length, sealed messages have theirs, and that it throws
 * nothing but KernelError. Of one that is not {@link trusted}, besides: it works on copies, so that it can neither
 * change content nor keep memory of others; what it compressed or sealed is decoded and compared; and hashers name some
 * messages before the first that counts. What cannot be afforded: that a hasher never gives two contents one name, that
 * a cipher keeps a secret, and the word of trusted kernels.
 */
import { checkedChunker, checkedCipher, checkedCompressor, checkedHasher, faulty, type Name, thrown } from "./checks.ts"
import type { KernelOf, KernelStage } from "./kinds.ts"
import { provenCipher, provenCompressor, provenHasher } from "./proofs.ts"
import { isTrusted, trusted } from "./trusted.ts"

/** What `make` makes, checked. Throws KernelError `faulty` when it makes nothing. */
export const checked = <S extends KernelStage>(
  of: Name & { readonly stage: S },
  make: () => KernelOf[S],
): KernelOf[S] => {
  let kernel: KernelOf[S]
  try {
    kernel = make()
  } catch (cause) {
    throw thrown(of, cause)
  }
  if (typeof kernel !== "object" || kernel === null) throw faulty(of, `what makes it gave ${kernel}`)
  return checks[of.stage](of, kernel)
}

const checks: { readonly [S in KernelStage]: (of: Name, kernel: KernelOf[S]) => KernelOf[S] } = {
  chunk: (of, kernel) => isTrusted(kernel) ? trusted(checkedChunker(of, kernel)) : checkedChunker(of, kernel),
  hash: (of, kernel) => isTrusted(kernel) ? checkedHasher(of, kernel) : provenHasher(of, kernel),
  compress: (of, kernel) => isTrusted(kernel) ? checkedCompressor(of, kernel) : provenCompressor(of, kernel),
  encrypt: (of, kernel) => isTrusted(kernel) ? checkedCipher(of, kernel) : provenCipher(of, kernel),
}

import * as Redacted from "effect/Redacted"
import { hasNodeChacha } from "../../adapters/kernels/chacha.ts"
import { nativeKernels } from "../../adapters/kernels/native.ts"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { aes256gcmsiv } from "../../stages/encrypt/aes256gcmsiv.ts"
import { chacha20poly1305 } from "../../stages/encrypt/chacha20poly1305.ts"
import { noEncryption } from "../../stages/encrypt/none.ts"
import { twofish256ctr } from "../../stages/encrypt/twofish256ctr.ts"
import { xchacha20poly1305 } from "../../stages/encrypt/xchacha20poly1305.ts"
import { binary } from "../markdown.ts"
import { type Bench, made } from "./bench.ts"
import { key, noise } from "./content.ts"

const SIZES = [4096, 65_536, 1 << 20]

/** Times ciphers, in both directions. */
export const encrypt = (bench: Bench): void => {
  const secret = Redacted.make(key())
  const native = { ...nativeKernels }
  if (!hasNodeChacha()) {
    delete native["encrypt:chacha20-poly1305"]
    delete native["encrypt:xchacha20-poly1305"]
    bench.absent("chacha20-poly1305 of node:crypto")
  }
  for (
    const spec of [
      aes256gcm(secret),
      aes256gcmsiv(secret),
      chacha20poly1305(secret),
      xchacha20poly1305(secret),
      twofish256ctr(secret),
      noEncryption,
    ]
  ) {
    const kernels = made(spec, { native })
    for (const size of SIZES) {
      const content = noise(size)
      for (const { kernel: one } of kernels) {
        const sealed = one.seal(content)
        bench.same(`${spec.name}, ${binary(size)}`, [content, ...kernels.map(({ kernel }) => kernel.open(sealed))])
      }
      for (const { name, kernel } of kernels) {
        const sealed = kernel.seal(content)
        const of = { what: spec.name, implementation: name, size }
        bench.time({ panel: "seal", ...of }, () => kernel.seal(content))
        bench.time({ panel: "open", ...of }, () => kernel.open(sealed))
      }
    }
  }
}

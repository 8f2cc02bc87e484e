import * as Redacted from "effect/Redacted"
import { napiBlake3, nativeSha256, nativeSha512t256, wasmBlake3 } from "../../adapters/kernels/hash.ts"
import { blake2b256 } from "../../stages/hash/blake2b.ts"
import { blake3, blake3Keyed } from "../../stages/hash/blake3.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import { sha512_256 } from "../../stages/hash/sha512_256.ts"
import type { KernelTable } from "../../stages/kernel/kernel.ts"
import { binary } from "../markdown.ts"
import { type Bench, made } from "./bench.ts"
import { key, noise } from "./content.ts"

const SIZES = [4096, 65_536, 1 << 20]

/** Times hashers over whole messages. */
export const hash = (bench: Bench): void => {
  const secret = key()
  const tables: Record<string, KernelTable> = {
    "node:crypto": { "hash:sha256": nativeSha256, "hash:sha512-256": nativeSha512t256 },
  }
  for (const [name, maker] of [["blake3-wasm", wasmBlake3()], ["@napi-rs/blake-hash", napiBlake3()]] as const) {
    if (maker === undefined) bench.absent(name)
    else tables[name] = { "hash:blake3": () => maker(), "hash:blake3-keyed": () => maker(secret) }
  }
  for (const spec of [blake3, blake3Keyed(Redacted.make(secret)), blake2b256, sha256, sha512_256]) {
    const kernels = made(spec, tables)
    for (const size of SIZES) {
      const content = noise(size)
      bench.same(`${spec.name} of ${binary(size)}`, kernels.map(({ kernel }) => kernel.digest(content)))
      for (const { name, kernel } of kernels) {
        bench.time({ panel: "hash", what: spec.name, implementation: name, size }, () => kernel.digest(content))
      }
    }
  }
}

/** Seals and opens stored objects. SPEC.md, "Encryption". */
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import * as Redacted from "effect/Redacted"
import { chacha20poly1305 } from "../../stages/encrypt/chacha20poly1305.ts"
import { type Cipher, type KernelTable, makeKernel } from "../../stages/kernel/kernel.ts"

/** Whether every object has a key of its own, or all have the same: `one` is how the program of the document did it. */
export type KeyScheme = "per-object" | "one"

/** What stands between objects and the store. */
export interface Vault {
  /** Bytes that sealing adds. */
  readonly overhead: number
  /** Seals the object of a name. */
  readonly seal: (name: string, bytes: Uint8Array) => Uint8Array
  /** Opens it. Throws KernelError `forged` when it was not sealed with this key, or under another name. */
  readonly open: (name: string, bytes: Uint8Array) => Uint8Array
}

/** Objects as they are. */
export const openVault: Vault = { overhead: 0, seal: (_name, bytes) => bytes, open: (_name, bytes) => bytes }

const encoder = new TextEncoder()
const DATA = encoder.encode("data")
const META = encoder.encode("meta")
const KEY_INFO = "penstock bkp 1 object "

const aadOf = (name: string): Uint8Array => name.startsWith("blocks/") ? DATA : META

/** Objects sealed with ChaCha20-Poly1305 under a master key of 32 bytes, or under keys derived from it. */
export const makeVault = (master: Redacted.Redacted<Uint8Array>, scheme: KeyScheme, table: KernelTable): Vault => {
  const shared = makeKernel(chacha20poly1305(master), table)
  const cipherOf = (name: string): Cipher =>
    scheme === "one" ? shared : makeKernel(
      chacha20poly1305(
        Redacted.make(hkdf(sha256, Redacted.value(master), undefined, encoder.encode(KEY_INFO + name), 32)),
      ),
      table,
    )
  return {
    overhead: shared.overhead,
    seal: (name, bytes) => cipherOf(name).seal(bytes, aadOf(name)),
    open: (name, bytes) => cipherOf(name).open(bytes, aadOf(name)),
  }
}

/** An open archive: its keys, how it is written, and its index as it was last read. */
import * as Effect from "effect/Effect"
import { zstd } from "../../stages/compress/zstd.ts"
import { PASSPHRASE_LOG_N } from "../../stages/encrypt/age.ts"
import { AgePayloadCipher, type MakePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import { blake3 } from "../../stages/hash/blake3.ts"
import { type Compressor, type Hasher, Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Secrets } from "../secrets.ts"
import type { Archive, ArchiveVariant } from "./archive.ts"
import type { IndexLayout } from "./index.ts"
import type { Keyring } from "./keys.ts"

/** How archives are written. Any archive can be read, whatever the options. */
export interface ZprtOptions {
  /** Level of zstd for contents, -7 to 22. The default is 3. */
  readonly level?: number
  /**
   * The order of the lists in the index of a new archive. The default is the order of the document. An archive that
   * exists keeps its own.
   */
  readonly layout?: IndexLayout
  /**
   * Gives the age recipients of the content of a file. When it gives undefined, the content is encrypted for the
   * recipients of the archive. The index always is: it holds the names, sizes and hashes of all files.
   */
  readonly recipientsFor?: (path: string) => ReadonlyArray<string> | undefined
  /**
   * When the stored bytes of a content of the old archive are copied. `proven` (the default): when an identity at hand
   * proves that they are encrypted for the wanted recipient and nobody else. `trusted`: always; then old contents keep
   * their recipients. `never`: not at all.
   */
  readonly reuse?: "proven" | "trusted" | "never"
  /** Makes the order of contents reproducible, for tests. The order is random by default. */
  readonly seed?: number
  /** Cost of scrypt for a new password, as a logarithm from 10 to 20. The default is 18, which takes 256 MiB. */
  readonly scryptLogN?: number
}

/** What every operation gets. */
export interface Opened {
  readonly store: ObjectStore
  readonly secrets: Secrets
  readonly keyring: Keyring
  readonly options: ZprtOptions
  readonly hasher: Hasher
  /** For contents. */
  readonly zstd: Compressor
  readonly indexZstd: Compressor
  readonly cipher: MakePayloadCipher
  /** The archive as it was last read or written. It is read again when another archive has taken its place. */
  readonly current: { archive: Archive | undefined }
}

/** Level of zstd for the index. Higher ones save little, since hashes do not compress, and take many times as long. */
const INDEX_LEVEL = 12

/** Everything but the keys. */
export const openWith: (
  secrets: Secrets,
  options: ZprtOptions,
) => Effect.Effect<Omit<Opened, "keyring">, never, ObjectStore> = Effect.fnUntraced(function* (
  secrets: Secrets,
  options: ZprtOptions,
) {
  const table = yield* Kernels
  return {
    store: yield* ObjectStore,
    secrets,
    options,
    hasher: makeKernel(blake3, table),
    zstd: makeKernel(zstd({ level: options.level ?? 3 }), table),
    indexZstd: makeKernel(zstd({ level: INDEX_LEVEL }), table),
    cipher: yield* AgePayloadCipher,
    current: { archive: undefined },
  }
})

/** The variant of a new archive, and of one that replaces an archive without an index. */
export const newVariant = ({ layout = "document" }: ZprtOptions): ArchiveVariant => ({ layout, trailer: "length" })

/** Cost of scrypt for new passwords. */
export const passwordCost = ({ scryptLogN }: ZprtOptions): number => scryptLogN ?? PASSPHRASE_LOG_N

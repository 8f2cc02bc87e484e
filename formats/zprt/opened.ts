/** An open archive: its keys, how it is written, and its index as last read. */
import * as Effect from "effect/Effect"
import { zstd } from "../../stages/compress/zstd.ts"
import { PASSPHRASE_LOG_N } from "../../stages/encrypt/age.ts"
import { AgePayloadCipher, type MakePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import { blake3 } from "../../stages/hash/blake3.ts"
import { type Compressor, type Hasher, Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Secrets } from "../secrets.ts"
import type { Archive, ArchiveVariant } from "./archive_read.ts"
import type { IndexLayout } from "./index.ts"
import type { Keyring } from "./keys.ts"

/** How archives are written. Whatever the options, any archive is read. */
export interface WriteOptions {
  /** Level of zstd for contents, -7 to 22; 3 by default. */
  readonly level?: number
  /**
   * The order of the lists in the index of an archive that is made; the document's by default. One that is there keeps
   * its own.
   */
  readonly layout?: IndexLayout
  /**
   * Age recipients of the content of a file; those of the archive when it gives none. The index is always for those of
   * the archive: it tells names, sizes and hashes of all files.
   */
  readonly recipientsFor?: (path: string) => ReadonlyArray<string> | undefined
  /**
   * When the stored bytes of a content of the old archive are used again. `proven` (the default): when an identity at
   * hand shows that they are for the recipient who is wanted, and for nobody else. `trusted`: always; old contents keep
   * their recipients. `never`.
   */
  readonly reuse?: "proven" | "trusted" | "never"
  /** Makes the order of the contents reproducible: for tests. Random by default. */
  readonly seed?: number
  /** Cost of scrypt for a new password, as a logarithm: 18 by default (256 MiB), 10 to 20. */
  readonly scryptLogN?: number
}

/** What the parts of the format share. */
export interface Opened {
  readonly store: ObjectStore
  readonly secrets: Secrets
  readonly keyring: Keyring
  readonly options: WriteOptions
  readonly hasher: Hasher
  readonly zstd: Compressor
  readonly indexZstd: Compressor
  readonly cipher: MakePayloadCipher
  /** The archive as it was last read or written: read again when another has taken its place. */
  readonly current: { archive: Archive | undefined }
}

/** Level of zstd for the index: higher ones save little, since hashes do not compress, and take many times as long. */
const INDEX_LEVEL = 12

/** Everything but the keys. */
export const openWith: (
  secrets: Secrets,
  options: WriteOptions,
) => Effect.Effect<Omit<Opened, "keyring">, never, ObjectStore> = Effect.fnUntraced(function* (
  secrets: Secrets,
  options: WriteOptions,
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

/** How an archive is written that takes the place of none, or of one whose index is lost. */
export const newVariant = ({ layout = "document" }: WriteOptions): ArchiveVariant => ({ layout, trailer: "length" })

/** Cost of scrypt for new passwords. */
export const passwordCost = ({ scryptLogN }: WriteOptions): number => scryptLogN ?? PASSPHRASE_LOG_N

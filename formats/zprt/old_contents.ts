/** The contents of the archive that is replaced: which of them can be copied as stored. SPEC.md, "Writing". */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import { AGE_HEADER_MAXIMUM, headerLength, isAge, stanzaCount } from "../../stages/encrypt/age_header.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { Index, StoredContent } from "./index.ts"
import { readArchive } from "./layout.ts"
import type { Opened } from "./opened.ts"

/**
 * Bytes of an old content that are read to see whom it is encrypted for. A header for one recipient is shorter, so a
 * longer one is never proven.
 */
const HEAD_BYTES = 4096

/** Finds old contents by their hash. */
export class OldContents {
  readonly #opened: Opened
  readonly #byHash: ReadonlyMap<string, StoredContent>
  readonly #sizes: ReadonlySet<number>

  /** `old` is the index of the archive that is replaced; undefined when nothing of it may be used. */
  constructor(opened: Opened, old: Index | undefined) {
    this.#opened = opened
    const contents = opened.options.reuse === "never" ? [] : old?.contents ?? []
    this.#byHash = new Map(contents.map((content) => [bytesToHex(content.hash), content]))
    this.#sizes = new Set(contents.map(({ size }) => size))
  }

  /** Whether the old archive has a content of this many bytes. */
  hasSize(size: number): boolean {
    return this.#sizes.has(size)
  }

  /** The old content with this hash and size, if its stored bytes may be used for these recipients. */
  readonly find: (
    hash: Uint8Array,
    size: number,
    recipients: ReadonlyArray<string>,
  ) => Effect.Effect<StoredContent | undefined, StoreError> = Effect.fnUntraced(
    function* (this: OldContents, hash: Uint8Array, size: number, recipients: ReadonlyArray<string>) {
      const { keyring, options, store } = this.#opened
      const old = this.#byHash.get(bytesToHex(hash))
      if (old === undefined || old.size !== size) return undefined
      const head = yield* readArchive(store, old.offset, Math.min(old.length, HEAD_BYTES))
      if (!isAge(head)) return undefined
      if (options.reuse === "trusted") return old
      // Nothing tells whom other stanzas are for.
      const end = headerLength(head.subarray(0, AGE_HEADER_MAXIMUM))
      if (end === undefined || recipients.length !== 1 || stanzaCount(head.subarray(0, end)) !== 1) return undefined
      const header = yield* Effect.catchTag(
        keyring.keys.open(head.subarray(0, end)),
        "KernelError",
        () => Effect.succeed(undefined),
      )
      return header !== undefined && header.by !== "passphrase" && keyring.own[header.by] === recipients[0]
        ? old
        : undefined
    },
  )
}

/** Writes an archive from its start to its end. */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { zstdFrames } from "../../stages/compress/zstd_stream.ts"
import { sealHeader } from "../../stages/encrypt/age.ts"
import { sealPayload } from "../../stages/encrypt/age_payload.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import type { StoreError } from "../../stages/store/store.ts"
import { catching } from "../../stages/kernel/catching.ts"
import type { RepositoryError } from "../error.ts"
import { type Archive, type ArchiveVariant, fingerprintOf, plainLimit, snapshotId } from "./archive_read.ts"
import { fromKernelError, unsupported } from "./errors.ts"
import { encodeIndex, type Index, IndexError } from "./index.ts"
import { layoutMark } from "./index_mark.ts"
import { ARCHIVE, MAGIC, trailer } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** Small pieces are gathered to so many bytes. */
const GATHER_BYTES = 1 << 20

/** An archive under way. Calls come one at a time. */
export interface ArchiveWriter {
  /** Bytes so far. */
  readonly position: () => number
  readonly append: (parts: ReadonlyArray<Uint8Array>) => Effect.Effect<void, StoreError>
  /** Makes it the archive. */
  readonly commit: Effect.Effect<void, StoreError>
}

/** Starts an archive: magic, and key slot. When the scope closes before `commit`, nothing remains of it. */
export const startArchive: (
  opened: Opened,
  options: { readonly replace: boolean; readonly slot: boolean },
) => Effect.Effect<ArchiveWriter, StoreError, Scope.Scope> = Effect.fnUntraced(
  function* ({ keyring, store }: Opened, { replace, slot }: { readonly replace: boolean; readonly slot: boolean }) {
    const object = yield* store.create(ARCHIVE, { replace })
    let position = 0
    let held: Array<Uint8Array> = []
    let heldBytes = 0
    const flush = Effect.suspend(() => {
      const bytes = held.length === 1 ? held[0]! : concat(held)
      held = []
      heldBytes = 0
      return bytes.length === 0 ? Effect.void : object.append(bytes)
    })
    const writer: ArchiveWriter = {
      position: () => position,
      append: (parts) =>
        Effect.suspend(() => {
          for (const part of parts) {
            held.push(part)
            heldBytes += part.length
            position += part.length
          }
          return heldBytes >= GATHER_BYTES ? flush : Effect.void
        }),
      commit: Effect.andThen(flush, object.commit),
    }
    yield* writer.append([MAGIC])
    if (slot && keyring.slot !== undefined) yield* writer.append([keyring.slot])
    return writer
  },
)

/** Turns a content into an age file: what can be stored is given back as it is ready. */
export class ContentEncoder {
  readonly #frames: ReturnType<typeof zstdFrames>
  readonly #payload: ReturnType<typeof sealPayload>
  readonly #header: Uint8Array
  #started = false
  /** Stored bytes given so far. */
  length = 0

  constructor({ cipher, zstd }: Pick<Opened, "cipher" | "zstd">, header: Uint8Array, fileKey: Uint8Array) {
    this.#frames = zstdFrames(zstd)
    this.#payload = sealPayload(cipher, fileKey)
    this.#header = header
  }

  push(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
    return this.#count(this.#frames.push(bytes).flatMap((frame) => this.#payload.push(frame)))
  }

  /** `rest`: what goes behind the frames. */
  end(rest: Uint8Array = new Uint8Array(0)): ReadonlyArray<Uint8Array> {
    const frames = rest.length === 0 ? this.#frames.end() : [...this.#frames.end(), rest]
    return this.#count([...frames.flatMap((frame) => this.#payload.push(frame)), ...this.#payload.end()])
  }

  #count(parts: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> {
    const all = this.#started ? parts : [this.#header, ...parts]
    this.#started = true
    for (const part of all) this.length += part.length
    return all
  }
}

/** An encoder for some recipients. Fails with `unsupported` when one is not valid. */
export const startContent = (
  opened: Pick<Opened, "cipher" | "zstd">,
  recipients: ReadonlyArray<string>,
): Effect.Effect<ContentEncoder, RepositoryError> =>
  recipients.length === 0
    ? Effect.fail(unsupported("A content without recipients could be read by nobody: give one at least"))
    : sealHeader({ recipients }).pipe(
      Effect.map(({ fileKey, header }) => new ContentEncoder(opened, header, fileKey)),
      Effect.mapError(fromKernelError),
    )

/** Runs kernels. */
export const encoding = <A>(run: () => A): Effect.Effect<A, RepositoryError> =>
  catching(KernelError, run).pipe(Effect.mapError(fromKernelError))

/**
 * Writes index and trailer; what then only has to be committed. Fails with `unsupported` when the paths cannot be in
 * one archive.
 */
export const writeIndex: (
  opened: Opened,
  writer: ArchiveWriter,
  index: Index,
  variant: ArchiveVariant,
) => Effect.Effect<Archive, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (opened: Opened, writer: ArchiveWriter, index: Index, variant: ArchiveVariant) {
    const { cipher, hasher, indexZstd, keyring } = opened
    const { layout } = variant
    const plain = yield* catching(IndexError, () => encodeIndex(index, layout)).pipe(
      Effect.mapError(({ message }) => unsupported(`No archive can hold this: ${message}`)),
    )
    const encoder = yield* startContent({ cipher, zstd: indexZstd }, keyring.recipients)
    const parts = yield* encoding(() => [...encoder.push(plain), ...encoder.end(layoutMark(index, layout))])
    const stored = concat(parts)
    if (plain.length > plainLimit(stored.length)) {
      return yield* unsupported(`These are too many files for one archive: the index has ${plain.length} bytes`)
    }
    const end = trailer(writer.position(), stored.length, variant.trailer)
    yield* writer.append([stored, end])
    return { index, variant, id: snapshotId(hasher, index), fingerprint: fingerprintOf(writer.position(), end, stored) }
  },
)

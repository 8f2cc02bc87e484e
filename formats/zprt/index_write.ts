/** Writes the index and the trailer of an archive. SPEC.md, "The index". */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import { catching } from "../../stages/kernel/catching.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { RepositoryError } from "../error.ts"
import { type Archive, archiveFingerprint, type ArchiveVariant, snapshotId } from "./archive.ts"
import type { ArchiveWriter } from "./archive_write.ts"
import { encoding, startEncoder } from "./content.ts"
import { unsupported } from "./errors.ts"
import { encodeIndex, type Index, IndexError } from "./index.ts"
import { layoutMark } from "./index_mark.ts"
import { encodeTrailer } from "./layout.ts"
import { plainIndexLimit } from "./limits.ts"
import type { Opened } from "./opened.ts"

/**
 * Appends index and trailer. After that the archive only has to be committed. Fails with `unsupported` when one archive
 * cannot hold these paths, or when there are too many of them.
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
    const encoder = yield* startEncoder({ cipher, zstd: indexZstd }, keyring.recipients)
    const parts = yield* encoding(() => [...encoder.push(plain), ...encoder.end(layoutMark(index, layout))])
    const stored = concat(parts)
    if (plain.length > plainIndexLimit(stored.length)) {
      return yield* unsupported(`These are too many files for one archive: the index has ${plain.length} bytes`)
    }
    const trailer = encodeTrailer(writer.position(), stored.length, variant.trailer)
    yield* writer.append([stored, trailer])
    const fingerprint = archiveFingerprint(writer.position(), trailer, stored)
    return { index, variant, id: snapshotId(hasher, index), fingerprint }
  },
)

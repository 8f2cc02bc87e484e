/** Makes a damaged archive whole again. SPEC.md, "Recovery". */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../stages/store/store.ts"
import { Damage } from "../../stages/store/damage.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { RebuildSummary } from "../repository.ts"
import { loadArchive } from "./archive_read.ts"
import { type ArchiveWriter, startArchive } from "./archive_write.ts"
import { storedContent } from "./content_read.ts"
import type { Index, StoredContent } from "./index.ts"
import { writeIndex } from "./index_write.ts"
import { ARCHIVE, CONTENTS_AT, encodeTrailer, readArchive } from "./layout.ts"
import { newVariant, type Opened } from "./opened.ts"
import { recoveredName } from "./recover.ts"
import { type Found, scan } from "./scan.ts"
import { infoOf } from "./snapshot.ts"

/** Bytes that are copied with one request. */
const COPY_BYTES = 4 << 20

/**
 * Rebuilds a damaged archive. When its index is found, the archive is written again up to its index, with a new
 * trailer. Otherwise it gets a new index that lists what decrypts, under made-up names. Stored bytes are never moved or
 * dropped, so contents that are encrypted for others are not lost. An archive that is not damaged is left alone.
 */
export const rebuild: (opened: Opened) => Effect.Effect<RebuildSummary, FormatError> = Effect.fnUntraced(
  function* (opened: Opened) {
    const loaded = yield* Effect.result(loadArchive(opened))
    if (loaded._tag === "Success") return { snapshots: [], packsIndexed: 0, findings: [] }
    const { failure } = loaded
    if (failure._tag !== "RepositoryError" || failure.reason !== "corrupt") return yield* Effect.fail(failure)
    const { location } = opened.store.properties
    const found = yield* scan(opened)
    const damage = new Damage()
    yield* Effect.scoped(Effect.gen(function* () {
      const writer = yield* startArchive(opened, { replace: true, slot: false })
      if (found.index !== undefined) {
        const { length, start, trailer } = found.index.place
        yield* copyTo(opened, writer, start + length)
        yield* writer.append([encodeTrailer(start, length, trailer)])
      } else {
        const index = yield* listFound(opened, found, damage)
        if (index.files.length === 0) {
          return yield* new RepositoryError({
            reason: "wrong-key",
            object: ARCHIVE,
            message: `The identities or the password given open nothing in the damaged archive ${location}`,
          })
        }
        const { size } = yield* opened.store.stat(ARCHIVE)
        yield* copyTo(opened, writer, size)
        yield* writeIndex(opened, writer, index, newVariant(opened.options))
      }
      return yield* writer.commit
    }))
    const archive = yield* loadArchive(opened)
    return {
      snapshots: [infoOf(archive)],
      packsIndexed: found.index === undefined ? archive.index.contents.length : 0,
      findings: damage.findings,
    }
  },
)

/** Copies the old archive, from behind its magic to the offset `end`. */
const copyTo: (opened: Opened, writer: ArchiveWriter, end: number) => Effect.Effect<void, StoreError> = Effect
  .fnUntraced(
    function* ({ store }: Opened, writer: ArchiveWriter, end: number) {
      for (let at = CONTENTS_AT; at < end; at += COPY_BYTES) {
        yield* writer.append([yield* readArchive(store, at, Math.min(COPY_BYTES, end - at))])
      }
    },
  )

/** Makes an index of all age files that decrypt. The others become findings. */
const listFound: (opened: Opened, found: Found, damage: Damage) => Effect.Effect<Index> = Effect.fnUntraced(
  function* (opened: Opened, { places }: Found, damage: Damage) {
    const contents: Array<StoredContent> = []
    const files: Array<Index["files"][number]> = []
    for (const [i, place] of places.entries()) {
      const path = recoveredName(i)
      const state = opened.hasher.create()
      let size = 0
      yield* Stream.runForEach(storedContent(opened, place, path, Infinity), (bytes) =>
        Effect.sync(() => {
          state.update(bytes)
          size += bytes.length
        })).pipe(
          Effect.map(() => {
            const content: StoredContent = { ...place, hash: state.digest(), size }
            contents.push(content)
            files.push({ path, content })
          }),
          Effect.catch(({ message }) =>
            Effect.sync(() => damage.add(`${ARCHIVE}, ${place.length} bytes at ${place.offset}`, message))
          ),
        )
    }
    return { contents, files, directories: [] }
  },
)

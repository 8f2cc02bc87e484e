/** What can be had of a damaged archive. SPEC.md, "Recovery". */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../stages/store/store.ts"
import { Damage } from "../../stages/store/damage.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { RebuildSummary } from "../repository.ts"
import { loadArchive } from "./archive_read.ts"
import { type ArchiveWriter, startArchive, writeIndex } from "./archive_write.ts"
import { fileContent, type Place, storedContent } from "./content_read.ts"
import type { Index, StoredContent } from "./index.ts"
import { ARCHIVE, CONTENTS_AT, readArchive, trailer } from "./layout.ts"
import { newVariant, type Opened } from "./opened.ts"
import { infoOf } from "./read.ts"
import { type Found, scan } from "./scan.ts"

/** Bytes that are copied at once. */
const COPY_BYTES = 4 << 20

/** What is left of an archive. */
export interface Recovered {
  /**
   * Whether the index was found: then files have their paths, else they are named `recovered-000001` and so on, as they
   * lie.
   */
  readonly named: boolean
  /** The age files that were found, key slot and index left out: they can be cut out and decrypted by hand. */
  readonly places: ReadonlyArray<Place>
  /**
   * Files, and with an index empty directories. The content of each is read when it is asked for; it fails with
   * `denied` when it is for others, or `damaged`. Without an index nothing tells whether a content is the one that was
   * stored, but that it decrypts.
   */
  readonly entries: Stream.Stream<Entry>
}

/** Looks through a whole archive for its age files. Needs no trailer and no index. */
export const recovered = (opened: Opened): Effect.Effect<Recovered, FormatError> =>
  Effect.map(scan(opened), (found) => ({
    named: found.index !== undefined,
    places: found.places,
    entries: Stream.fromIterable(
      found.index === undefined
        ? found.places.map((place, i): Entry => {
          const path = nameOf(i)
          const content = storedContent(opened, place, path, Infinity)
          return { path, kind: "file", metadata: {}, size: undefined, content }
        })
        : namedEntries(opened, found.index.archive.index),
    ),
  }))

/** The name of the file that lies at place `i`, without an index. */
const nameOf = (i: number): string => `recovered-${String(i + 1).padStart(6, "0")}`

const namedEntries = (opened: Opened, { directories, files }: Index): ReadonlyArray<Entry> => [
  ...files.map(({ content, path }): Entry => ({
    path,
    kind: "file",
    metadata: {},
    size: content.size,
    content: fileContent(opened, content, path),
  })),
  ...directories.map((path): Entry => ({ path, kind: "directory", metadata: {}, size: 0 })),
]

/**
 * Makes a damaged archive whole again: with its index when that is found, else with a new one that lists what decrypts,
 * under made-up names. Every stored byte stays where it is, so that what is for others is not lost. Does nothing when
 * the archive is not damaged.
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
        const { length, start, trailer: kind } = found.index.place
        yield* copy(opened, writer, start + length)
        yield* writer.append([trailer(start, length, kind)])
      } else {
        const index = yield* listFound(opened, found, damage)
        if (index.files.length === 0) {
          return yield* new RepositoryError({
            reason: "wrong-key",
            object: ARCHIVE,
            message: `Nothing in the damaged archive ${location} is opened by the identities or the password given`,
          })
        }
        const { size } = yield* opened.store.stat(ARCHIVE)
        yield* copy(opened, writer, size)
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

/** Copies the old archive from behind its magic to `end`. */
const copy: (opened: Opened, writer: ArchiveWriter, end: number) => Effect.Effect<void, StoreError> = Effect.fnUntraced(
  function* ({ store }: Opened, writer: ArchiveWriter, end: number) {
    for (let at = CONTENTS_AT; at < end; at += COPY_BYTES) {
      yield* writer.append([yield* readArchive(store, at, Math.min(COPY_BYTES, end - at))])
    }
  },
)

/** Decrypts what was found, and lists it; what does not decrypt becomes a finding. */
const listFound: (opened: Opened, found: Found, damage: Damage) => Effect.Effect<Index> = Effect.fnUntraced(
  function* (opened: Opened, { places }: Found, damage: Damage) {
    const contents: Array<StoredContent> = []
    const files: Array<Index["files"][number]> = []
    for (const [i, place] of places.entries()) {
      const path = nameOf(i)
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

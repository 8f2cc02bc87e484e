/** Reads snapshots of version 0. */
import { SourceError } from "../../../stages/walk/errors.ts"
import { infoOf } from "../snapshot.ts"
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { contentError } from "../../../stages/fetch/contents.ts"
import { chunkId } from "../../../stages/hash/chunk_list.ts"
import type { Stored } from "../../../stages/plan/stored.ts"
import { Afresh } from "../../../stages/store/second_read.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { wanted } from "../../../stages/walk/wanted.ts"
import { type FormatError, isDamage, readWrongly, RepositoryError } from "../../error.ts"
import type { ReadOptions, SnapshotInfo } from "../../repository.ts"
import { tellUnlisted } from "../../unlisted.ts"
import { catalogEntries } from "../opened.ts"
import type { Opened } from "./layout.ts"
import { contentObject } from "./names.ts"
import { openObject } from "./object_read.ts"
import { listSnapshots, openCatalog, type SnapshotObject } from "./snapshot.ts"

/** The snapshots, oldest first. What cannot be read is logged as a warning: the others are still of use. */
export const snapshots = (opened: Opened): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.gen(function* () {
    const { damaged, snapshots } = yield* listSnapshots(opened)
    yield* tellUnlisted(damaged.map(({ message }) => `${message}. Run "penstock rebuild"`))
    return snapshots.map(({ record }) => infoOf(record))
  })

/** The entries of a snapshot, each with its content as a stream. */
export const entries = (
  opened: Opened,
  snapshot: SnapshotInfo,
  options: ReadOptions = {},
): Stream.Stream<Entry, FormatError> =>
  Stream.unwrap(Effect.gen(function* () {
    const listed = yield* lookUp(opened, snapshot)
    const [tree, found] = yield* treeOf(opened, listed).pipe(
      // A rebuild may have put another in its place.
      Effect.catchIf(isDamage, (error) =>
        Effect.flatMap(lookUp(opened, snapshot), (found) =>
          found.name === listed.name ? Effect.fail(error) : treeOf(opened, found))),
    )
    return Stream.map(wanted(catalogEntries(tree, found.name), options), (entry) =>
      withContent(opened, entry))
  }))

const lookUp = Effect.fnUntraced(function* (opened: Opened, { id }: SnapshotInfo) {
  const { snapshots } = yield* listSnapshots(opened)
  const found = snapshots.find(({ record }) => record.id === id)
  return found ??
    (yield* new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${id}` }))
})

const treeOf = (opened: Opened, snapshot: SnapshotObject) =>
  Effect.map(openCatalog(opened, snapshot), ({ tree }) => [tree, snapshot] as const)

/** The error of a content that is known to be wrong only at its end: what is stored may be right. */
const lookAgain = (opened: Opened, name: string, error: FormatError): Effect.Effect<never, FormatError> =>
  Effect.provideService(
    Effect.flatMap(openObject(opened, "ROZE-DAT", name), ({ data }) => Stream.runDrain(data)),
    Afresh,
    true,
  ).pipe(
    Effect.mapError(() => error),
    Effect.andThen(Effect.fail(readWrongly(name))),
  )

const withContent = (opened: Opened, stored: Stored): Entry => {
  const { chunks, reused: _reused, warning: _warning, ...entry } = stored
  if (entry.kind !== "file") return entry
  const damaged = (message: string): SourceError =>
    new SourceError({ reason: "damaged", path: entry.path, message: `Its content is lost: ${message}` })
  if (chunks.length === 0) return { ...entry, content: Stream.fail(damaged("the catalog does not name it")) }
  const name = contentObject(bytesToHex(chunkId(chunks, 0)))
  const data = Stream.unwrap(
    Effect.map(
      openObject(opened, "ROZE-DAT", name),
      ({ data, late }) =>
        !late ? data : Stream.catch(data, (error) => Stream.fromEffect(lookAgain(opened, name, error))),
    ),
  )
  return { ...entry, content: Stream.mapError(data, (error) => contentError(entry.path, error)) }
}

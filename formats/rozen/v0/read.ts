/** Lists snapshots, and gives the entries of one. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { contentError } from "../../../stages/fetch/content.ts"
import { chunkId } from "../../../stages/hash/chunk_list.ts"
import type { Stored } from "../../../stages/plan/stored.ts"
import { Afresh } from "../../../stages/store/second_read.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { SourceError } from "../../../stages/walk/errors.ts"
import { selectEntries } from "../../../stages/walk/select_entries.ts"
import { type FormatError, readWrongly } from "../../error.ts"
import type { Repository, SnapshotEntry } from "../../repository.ts"
import { catalogEntries, openListed } from "../catalog.ts"
import { infosOf } from "../read.ts"
import { findSnapshot } from "../snapshot.ts"
import { contentObject } from "./layout.ts"
import { openObject } from "./object_read.ts"
import type { Opened } from "./opened.ts"
import { listSnapshots, openCatalog } from "./snapshot.ts"

/** Reads the snapshots of a repository. The content of each entry is a stream. */
export const makeReader = (opened: Opened): Pick<Repository, "snapshots" | "entries"> => ({
  snapshots: Effect.flatMap(listSnapshots(opened), infosOf),
  entries: ({ id }, options = {}) =>
    Stream.unwrap(Effect.gen(function* () {
      const find = Effect.flatMap(listSnapshots(opened), ({ snapshots }) => findSnapshot(snapshots, id))
      const { snapshot, tree } = yield* openListed(yield* find, find, (snapshot) => openCatalog(opened, snapshot))
      return Stream.map(
        selectEntries(catalogEntries(tree, snapshot.name), options),
        (entry): SnapshotEntry =>
          options.chunks === true && options.content === false ? withContentId(entry) : withContent(opened, entry),
      )
    })),
})

/** An entry that is only looked at. Files share only whole contents: the ID of its content tells a file from others. */
const withContentId = ({ chunks, reused: _reused, warning: _warning, ...entry }: Stored): SnapshotEntry =>
  chunks.length === 0 ? entry : { ...entry, contentId: chunkId(chunks, 0) }

/** A stored entry with its content, which fails with `damaged` when it is lost. */
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
        late ? Stream.catch(data, (error) => Stream.fromEffect(readAgain(opened, name, error))) : data,
    ),
  )
  return { ...entry, content: Stream.mapError(data, (error) => contentError(entry.path, error)) }
}

/**
 * Reads a content again that failed at its end, when parts of it had been given already. The error stays when it fails
 * again; otherwise the object is in order, and only the first reading was wrong.
 */
const readAgain = (opened: Opened, name: string, error: FormatError): Effect.Effect<never, FormatError> =>
  Effect.provideService(
    Effect.flatMap(openObject(opened, "ROZE-DAT", name), ({ data }) => Stream.runDrain(data)),
    Afresh,
    true,
  ).pipe(
    Effect.mapError(() => error),
    Effect.andThen(Effect.fail(readWrongly(name))),
  )

/** Reads the entries of a snapshot and their content. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { paged } from "../../stages/catalog/sqlite/paged.ts"
import { contentError } from "../../stages/fetch/content.ts"
import { contents } from "../../stages/fetch/contents.ts"
import { blake3 } from "../../stages/hash/blake3.ts"
import { ChunkListBuilder } from "../../stages/hash/chunk_list.ts"
import { type Fetched, unchunk, unpack, verify } from "../../stages/plan/recipe.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { absent } from "../../stages/store/absent.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { contentStream } from "../../stages/walk/content.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { SourceError } from "../../stages/walk/errors.ts"
import { selectEntries } from "../../stages/walk/select_entries.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { ReadOptions, SnapshotEntry, SnapshotInfo } from "../repository.ts"
import type { BlobMap } from "./blob_map.ts"
import { type Catalog, type Listed, openCatalog } from "./catalog.ts"
import { fromSqliteError } from "./errors.ts"
import { isCatalogId } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** Zeros of a hole that are emitted at once, in bytes. */
const ZEROS = 1 << 20

/** The entries of a snapshot, depth-first, with their content. */
export const entries = (
  opened: Opened,
  { id }: SnapshotInfo,
  options: ReadOptions = {},
): Stream.Stream<SnapshotEntry, FormatError> =>
  Stream.unwrap(Effect.gen(function* () {
    const unknown = new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${id}` })
    if (!isCatalogId(id)) return yield* unknown
    const catalog = yield* absent(openCatalog(opened, id))
    if (catalog === undefined) return yield* unknown
    const all = catalogEntries(catalog, (path, message) => options.problem?.({ path, message }))
    const chosen = selectEntries(all, options)
    if (options.content === false) return Stream.map(chosen, options.chunks === true ? withChunks : bare)
    return Stream.map(contents(restoring(opened, chosen), options), (entry) =>
      withSpecialContent(opened, entry as Entry & Listed))
  })).pipe(Stream.provideService(ObjectStore, opened.store))

/** The entries of a catalog as a stream. Rows of an unknown kind are left out and passed to `unknown`. */
export const catalogEntries = (
  catalog: Catalog,
  unknown: (path: string, message: string) => void,
): Stream.Stream<Listed, RepositoryError> =>
  paged(() => catalog.entries(unknown)).pipe(
    Stream.mapError(fromSqliteError(catalog.object)),
  )

/** The recipe from extents to content. */
const restoring = <E, R>(
  { packing }: Opened,
  stored: Stream.Stream<Stored, E, R>,
): Stream.Stream<Fetched<readonly ["unpack", "verify", "unchunk"]>, E, R> =>
  stored.pipe(unpack(packing), verify(blake3), unchunk)

/** An entry without content, with the chunks that are stored of it. */
const withChunks = (listed: Listed): SnapshotEntry => {
  const list = new ChunkListBuilder()
  for (const { id, length } of listed.map?.entries ?? []) list.add(id, length)
  return { ...bare(listed), chunks: listed.map === undefined ? listed.chunks : list.take() }
}

/** An entry without content. */
const bare = ({ blob: _blob, chunks: _chunks, lost: _lost, map: _map, reused: _reused, ...entry }: Listed): Entry =>
  entry

/** An entry from the pipeline, without the fields of a catalog. Gives content with holes, and content that is lost. */
const withSpecialContent = (
  opened: Opened,
  { blob: _blob, lost, map, ...entry }: Entry & Pick<Listed, "blob" | "lost" | "map">,
): Entry => {
  if (lost !== undefined) {
    const error = new SourceError({ reason: "damaged", path: entry.path, message: `Its content is lost: ${lost}` })
    return { ...entry, content: Stream.fail(error) }
  }
  return map === undefined ? entry : { ...entry, content: sparseContent(opened, entry.path, map) }
}

/** Content with holes: zeros and extents in turn. */
const sparseContent = (
  opened: Opened,
  path: string,
  { entries, total }: BlobMap,
): Stream.Stream<Uint8Array, SourceError> => {
  const piece = (from: number, to: number, list: ChunkListBuilder): Stream.Stream<Uint8Array, SourceError> => {
    const chunks = list.take()
    const stored: Stored = { path, kind: "file", metadata: {}, size: to - from, chunks, reused: false }
    return contents(restoring(opened, Stream.succeed(stored))).pipe(
      Stream.provideService(ObjectStore, opened.store),
      Stream.mapError((error) => contentError(path, error)),
      Stream.flatMap(contentStream),
    )
  }
  const runs = function* (): Generator<Stream.Stream<Uint8Array, SourceError>, void> {
    let end = 0
    for (const { id, length, offset } of entries) {
      if (offset > end) yield zeros(offset - end)
      const list = new ChunkListBuilder()
      list.add(id, length)
      end = offset + length
      yield piece(offset, end, list)
    }
    if (total > end) yield zeros(total - end)
  }
  return Stream.flatten(Stream.suspend(() => Stream.fromIterable(runs())))
}

const zeros = (length: number): Stream.Stream<Uint8Array> =>
  Stream.unfold(
    length,
    (left) =>
      Effect.succeed(
        left === 0 ? undefined : [new Uint8Array(Math.min(left, ZEROS)), left - Math.min(left, ZEROS)] as const,
      ),
  )

/** Writes packed entries into the tree of a catalog. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TreeChange } from "./tree/change.ts"
import { catching } from "../kernel/catching.ts"
import { chunkCount } from "../hash/chunk_list.ts"
import type { Packed } from "../pack/pack.ts"
import type { Stored } from "../plan/stored.ts"
import type { PackStats } from "../pack/packing.ts"
import type { Steps } from "../plan/plan.ts"
import { SqliteError } from "./sqlite/sqlite.ts"
import type { Tree } from "./tree/tree.ts"
import type { StoredEntry } from "./tree/row.ts"

/** What a backup recorded. */
export interface Recorded extends PackStats {
  /** How many files the snapshot has. */
  readonly files: number
  /** How many directories it has. */
  readonly directories: number
  /** How many symlinks, fifos, sockets and device nodes it has. */
  readonly others: number
  /** Bytes of the contents of all files. */
  readonly bytes: number
  /** How many files were not read because they had not changed. */
  readonly filesUnchanged: number
  /** How many chunks the contents of all files have; each counts as often as it occurs. */
  readonly chunks: number
  /** What could not be read, and what was stored although it changed meanwhile: the path and one sentence. */
  readonly problems: ReadonlyArray<{ readonly path: string; readonly message: string }>
}

/**
 * What entries are recorded into: a {@link Tree}, or a catalog of another kind. `put` also gets the digest of a
 * content.
 */
export interface Recorder extends Pick<Tree, "begin" | "removeUnseen" | "commit"> {
  readonly put: (entry: StoredEntry & Pick<Stored, "digest">) => unknown
}

/** Functions to call while recording. */
export interface RecordOptions {
  /** Called for each change of the tree. */
  readonly onChange?: (change: TreeChange) => void
  /** Called after each unit of work. */
  readonly progress?: (
    progress: { readonly files: number; readonly directories: number; readonly bytes: number; readonly path: string },
  ) => void
}

/**
 * Makes a tree hold the entries of a stream, in one transaction: puts those that are new or changed, and removes those
 * that are not in the stream.
 */
export const record = <S extends Steps, E, R>(
  self: Stream.Stream<Packed<S>, E, R>,
  tree: Recorder,
  options: RecordOptions = {},
): Effect.Effect<Recorded, E | SqliteError, R> =>
  Effect.gen(function* () {
    const count = { files: 0, directories: 0, others: 0, bytes: 0, filesUnchanged: 0, chunks: 0 }
    const problems: Array<{ path: string; message: string }> = []
    const unreadable = new Set<string>()
    let stats = (): PackStats => ({ objects: 0, bytesStored: 0, chunksNew: 0, bytesAdded: 0 })

    const put = (entry: Packed<S>): void => {
      stats = entry.stats
      if (entry.kind === "unreadable") {
        problems.push({ path: entry.path, message: entry.problem ?? "It could not be read" })
        unreadable.add(entry.path)
        return
      }
      if (entry.warning !== undefined) problems.push({ path: entry.path, message: entry.warning })
      tree.put(toStored(entry, unreadable))
      if (entry.kind === "directory") count.directories++
      else if (entry.kind !== "file") count.others++
      else {
        count.files++
        count.bytes += entry.size ?? 0
        count.chunks += chunkCount(entry.chunks)
        if (entry.reused) count.filesUnchanged++
      }
    }

    yield* catching(SqliteError, () => tree.begin(options.onChange))
    yield* Stream.runForEachArray(self, (entries) =>
      catching(SqliteError, () => {
        for (const entry of entries) put(entry)
        options.progress?.({
          files: count.files,
          directories: count.directories,
          bytes: count.bytes,
          path: entries.at(-1)!.path,
        })
      }))
    yield* catching(SqliteError, () => {
      tree.removeUnseen()
      tree.commit()
    })
    return { ...count, ...stats(), problems }
  })

/** Leaves out the fields that are not stored, and a link to an entry that could not be read. */
const toStored = (
  entry: Packed<Steps>,
  unreadable: ReadonlySet<string>,
): StoredEntry & Pick<Stored, "digest"> => {
  const { stats: _stats, steps: _steps, reused: _reused, warning: _warning, problem: _problem, linkTo, ...rest } = entry
  return {
    ...rest,
    kind: rest.kind as StoredEntry["kind"],
    size: rest.size ?? 0,
    ...(linkTo === undefined || unreadable.has(linkTo) ? {} : { linkTo }),
  }
}

/** Collects what is wrong with a repository, and names the files that it concerns. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId } from "../../stages/hash/chunk_list.ts"
import { bytesToHex } from "@noble/hashes/utils.js"
import type { Finding, FormatError } from "../format.ts"
import { catalogOpener } from "./mend.ts"
import { catalogEntries, type Opened } from "./opened.ts"
import type { SnapshotObject } from "./snapshot.ts"

/** Files that one finding names at most; beyond, they are counted. */
const NAMED_FILES = 10_000

/** Findings by object. */
export class Damage {
  readonly #findings = new Map<string, { message: string; readonly files: Array<Finding["files"][number]> }>()
  /** Chunks that are there but not as they should be: hex ID to object. */
  readonly #chunks = new Map<string, string>()

  /** An object is damaged or missing. The first message about an object stays. */
  add(object: string, message: string): void {
    if (!this.#findings.has(object)) this.#findings.set(object, { message, files: [] })
  }

  /** A chunk of an object cannot be had. */
  addChunk(id: Uint8Array, object: string): void {
    this.#chunks.set(bytesToHex(id), object)
  }

  /** The object to blame for a chunk, when it is damaged. */
  blame(id: Uint8Array): string | undefined {
    return this.#chunks.size === 0 ? undefined : this.#chunks.get(bytesToHex(id))
  }

  /** A file of a snapshot has lost content because of an object. */
  addFile(object: string, snapshot: string, path: string): void {
    const finding = this.#findings.get(object)
    if (finding !== undefined && finding.files.length < NAMED_FILES) finding.files.push({ snapshot, path })
  }

  get findings(): ReadonlyArray<Finding> {
    return [...this.#findings].map(([object, { files, message }]) => ({ object, message, files }))
  }
}

/** Object that stands for chunks which no readable pack holds. */
export const LOST = "DATA/"

/**
 * Goes through every file of some snapshots and adds those with chunks that are damaged or lost: `lost` gives the object that is to
 * blame for a chunk (or {@link LOST}). Snapshots whose catalog cannot be opened are findings themselves. Returns the number of
 * catalogs opened.
 */
export const nameFiles: (
  opened: Opened,
  snapshots: ReadonlyArray<SnapshotObject>,
  damage: Damage,
  lost: (id: Uint8Array) => string | undefined,
) => Effect.Effect<number, FormatError> = Effect.fnUntraced(function* (opened, snapshots, damage, lost) {
  let read = 0
  const openCatalog = catalogOpener(opened)
  for (const snapshot of snapshots) {
    yield* openCatalog(snapshot).pipe(
      Effect.flatMap(({ tree }) =>
        Stream.runForEachArray(catalogEntries(tree, snapshot.name), (entries) =>
          Effect.sync(() => {
            for (const { chunks, path } of entries) {
              for (let i = 0; i < chunkCount(chunks); i++) {
                const id = chunkId(chunks, i)
                const object = damage.blame(id) ?? lost(id)
                if (object === undefined) continue
                if (object === LOST) damage.add(LOST, "Chunks are in no readable pack")
                damage.addFile(object, snapshot.record.id, path)
                break
              }
            }
          }))
      ),
      Effect.tap(() => Effect.sync(() => read++)),
      Effect.scoped,
      Effect.catchTag(
        "RepositoryError",
        (error) => Effect.sync(() => damage.add(error.object ?? snapshot.name, error.message)),
      ),
    )
  }
  return read
})

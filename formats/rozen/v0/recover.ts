/** The last resort, when no index object and no log is left: every content says where it was first found. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import { SqliteError } from "../../../stages/catalog/sqlite/sqlite.ts"
import type { Tree } from "../../../stages/catalog/tree/tree.ts"
import type { StoredEntry } from "../../../stages/catalog/tree/row.ts"
import { parentPath } from "../../../stages/walk/path.ts"
import { type FormatError, RepositoryError } from "../../error.ts"
import type { Damage } from "../../../stages/store/damage.ts"
import { commitRun } from "./commit.ts"
import { emptyCatalog } from "../catalog.ts"
import type { Opened } from "./opened.ts"
import { decodeFsMetadata } from "./metadata.ts"
import { contentName } from "./layout.ts"
import { openObject } from "./object_read.ts"

/**
 * Makes one snapshot, tagged `recovered`, of all contents, each at the path where it was first stored. Where that path
 * is taken, or leads through a file, the content is put at the root, under its ID. Gives the ID of the snapshot, or
 * undefined when there is no content.
 */
export const recover: (
  opened: Opened,
  damage: Damage,
) => Effect.Effect<string | undefined, FormatError | SqliteError, Scope.Scope> = Effect.fnUntraced(
  function* (opened, damage) {
    const catalog = yield* emptyCatalog(opened.engine)
    const { tree } = catalog
    yield* catching(SqliteError, () => tree.begin())
    yield* opened.store.list("DATA/").pipe(
      Stream.filter(({ name }) => contentName(name) !== undefined),
      Stream.runForEach(({ name, size }) =>
        openObject(opened, "ROZE-DAT", name, size).pipe(
          Effect.flatMap(({ sections }) => catching(RepositoryError, () => decodeFsMetadata(name, sections[0]!))),
          Effect.flatMap((entry) => catching(SqliteError, () => put(tree, entry, contentName(name)!))),
          Effect.catchTag("RepositoryError", ({ message }) => Effect.sync(() => damage.add(name, message))),
        )
      ),
    )
    yield* catching(SqliteError, () => tree.commit())
    const { bytes, directories, files } = yield* catching(SqliteError, () => tree.counts())
    if (files === 0) return undefined
    const time = yield* Clock.currentTimeMillis
    const id = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
    yield* commitRun(opened, catalog, {
      id,
      time,
      started: time,
      hostname: "",
      username: "",
      paths: [],
      tags: ["recovered"],
      files,
      directories,
      bytes,
    })
    return id
  },
)

/** Puts an entry at its path, or under the ID of its content. */
const put = (tree: Tree, entry: StoredEntry, id: string): void => {
  tree.put(isFree(tree, entry.path) ? entry : { ...entry, path: id })
}

/** Whether there is nothing at a path, and only directories above it. */
const isFree = (tree: Tree, path: string): boolean => {
  if (tree.lookup(path) !== undefined) return false
  for (let above = parentPath(path); above !== ""; above = parentPath(above)) {
    const found = tree.lookup(above)
    if (found !== undefined) return found.kind === "directory"
  }
  return true
}

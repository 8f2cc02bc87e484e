/** Where the parts of a snapshot are restored to. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { basename, dirname, resolve } from "node:path"
import type { FormatError } from "../../formats/error.ts"
import type { Repository, SnapshotInfo } from "../../formats/repository.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { displayPath, joinPath } from "../../stages/walk/path.ts"
import { UsageError } from "../process/usage_error.ts"
import { describeSnapshot } from "../selection/snapshots.ts"

/** A part of a snapshot, and its place on this machine. */
export interface TargetPart {
  /** The directory that it is restored into. */
  readonly root: string
  /** The path in the snapshot of what is at `path` in `root`. */
  readonly nameOf: (path: string) => string
  /** Whether the part has a path of the snapshot, or is beneath it. */
  readonly reaches: (path: string) => boolean
  /** An entry of the snapshot, as it is to be in `root`. Undefined when it is not of this part. */
  readonly place: (entry: Entry) => Entry | undefined
  /** Whether it is a single file. Then nothing else in `root` is of the snapshot. */
  readonly file: boolean
}

/** All of a snapshot. */
const whole = (root: string): TargetPart => ({
  root,
  nameOf: (path) => path,
  reaches: () => true,
  place: (entry) => entry,
  file: false,
})

/** What is at or beneath `top` in the snapshot. A directory becomes `root` itself, a file has its name in it. */
const partAt = (root: string, top: string, file: boolean): TargetPart => {
  const prefix = `${top}/`
  const within = (path: string): string | undefined =>
    path === top ? file ? top : "" : !file && path.startsWith(prefix) ? path.slice(prefix.length) : undefined
  return {
    root,
    file,
    nameOf: (path) => file ? path : joinPath(top, path),
    reaches: (path) => path === "" || within(path) !== undefined,
    place: (entry) => {
      const path = within(entry.path)
      if (path === undefined) return undefined
      const { linkTo, ...alone } = entry
      const to = linkTo === undefined ? undefined : within(linkTo)
      // A hard link to another part becomes a file of its own.
      return to === undefined ? { ...alone, path } : { ...alone, path, linkTo: to }
    },
  }
}

/**
 * The parts of a snapshot that go to a target. With the target `/`, each path that was backed up goes back to where it
 * was; with any other, all goes into that directory. Fails with {@link UsageError} when the snapshot does not tell
 * where its paths were.
 */
export const targetParts: (
  target: string,
  repository: Pick<Repository, "entries">,
  snapshot: SnapshotInfo,
) => Effect.Effect<ReadonlyArray<TargetPart>, FormatError | UsageError> = Effect.fnUntraced(
  function* (target, repository, snapshot) {
    const { paths } = snapshot
    if (resolve(target) !== "/") return [whole(target)]
    const refuse = (why: string) =>
      new UsageError({ message: `Snapshot ${describeSnapshot(snapshot)} ${why}: give another --target than /` })
    if (paths.length === 0) return yield* refuse("does not say where its files were")
    const wrong = paths.find((path) => resolve(path) !== path)
    if (wrong !== undefined) return yield* refuse(`is of ${displayPath(wrong)}, which is no absolute path here`)
    if (paths.length === 1 && paths[0] === "/") return [whole("/")]
    const entries = repository.entries(snapshot, { content: false, include: (path) => !path.includes("/") })
    const tops = new Map((yield* Stream.runCollect(entries)).map((entry) => [entry.path, entry]))
    const top = tops.get("")
    tops.delete("")
    if (paths.length === 1) {
      const path = paths[0]!
      const name = basename(path)
      // A format may make up the directory above a single file, but it has no metadata then.
      const made = top?.metadata.mtime === undefined && top?.metadata.mode === undefined
      const file = made && tops.size === 1 && (tops.get(name)?.kind ?? "directory") !== "directory"
      return file ? [partAt(dirname(path), name, true)] : [whole(path)]
    }
    const names = new Map(paths.map((path) => [basename(path), path]))
    if (names.size < paths.length || names.has("") || [...tops.keys()].some((name) => !names.has(name))) {
      return yield* refuse("does not have its files under the names of its paths")
    }
    return [...tops].map(([name, { kind }]) => {
      const path = names.get(name)!
      return kind === "directory" ? partAt(path, name, false) : partAt(dirname(path), name, true)
    })
  },
)

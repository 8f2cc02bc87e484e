/** Which snapshot a backup starts from. */
import * as Effect from "effect/Effect"
import { RepositoryError } from "./error.ts"
import type { BackupOptions, SnapshotInfo } from "./repository.ts"

/** Clocks that differ by less, in milliseconds, are nothing to warn of. */
const CLOCKS = 5 * 60 * 1000

/** Whether a snapshot is dated in the future: until then it is the latest, whatever is backed up. */
export const isInFuture = ({ time }: Pick<SnapshotInfo, "time">): boolean => time > Date.now() + CLOCKS

/**
 * The snapshot that a backup starts from, when there is one: the one asked for, else the newest of the same host and
 * paths. `snapshots` are sorted by time. Warns when the last is dated in the future, and the new one is not told its
 * time. Fails with `unknown-snapshot`.
 */
export const chooseParent = <S>(
  snapshots: ReadonlyArray<S>,
  options: BackupOptions,
  infoOf: (snapshot: S) => Pick<SnapshotInfo, "id" | "hostname" | "paths" | "time">,
): Effect.Effect<S | undefined, RepositoryError> => {
  const last = snapshots.at(-1)
  const chosen = choose(snapshots, options, infoOf)
  if (last === undefined || options.time !== undefined || !isInFuture(infoOf(last))) return chosen
  const { id, time } = infoOf(last)
  const until = new Date(time).toISOString().slice(0, 10)
  return Effect.andThen(
    Effect.logWarning(`Snapshot ${id.slice(0, 8)} is dated ${until}: until then it stays the latest`),
    chosen,
  )
}

const choose = <S>(
  snapshots: ReadonlyArray<S>,
  options: BackupOptions,
  infoOf: (snapshot: S) => Pick<SnapshotInfo, "id" | "hostname" | "paths">,
): Effect.Effect<S | undefined, RepositoryError> => {
  const { hostname = "", parent, paths } = options
  if (parent === "none") return Effect.succeed(undefined)
  if (parent === undefined) {
    return Effect.succeed(snapshots.findLast((snapshot) => {
      const info = infoOf(snapshot)
      return info.hostname === hostname && info.paths.length === paths.length &&
        info.paths.every((path, i) => path === paths[i])
    }))
  }
  const found = snapshots.filter((snapshot) => infoOf(snapshot).id.startsWith(parent))
  if (found.length === 1) return Effect.succeed(found[0])
  return Effect.fail(
    new RepositoryError({
      reason: "unknown-snapshot",
      message: `${
        found.length === 0 ? "No snapshot has" : "Several snapshots have"
      } an ID that begins with "${parent}"`,
    }),
  )
}

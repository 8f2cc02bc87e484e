/** Which snapshot a backup starts from. */
import * as Effect from "effect/Effect"
import { RepositoryError } from "./error.ts"
import type { BackupOptions, SnapshotInfo } from "./repository.ts"

/** Clocks that differ by less than this, in milliseconds, are no reason to warn. */
const CLOCKS_MS = 5 * 60 * 1000

/**
 * Whether a snapshot is dated in the future, by more than clocks differ. Until that time it stays the latest, whatever
 * is backed up. `now`: milliseconds since 1970.
 *
 * @example Find a snapshot that a wrong clock has dated
 * ```ts
 * import { isInFuture } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * assert.ok(isInFuture({ time: Date.now() + 86_400_000 }))
 * assert.ok(!isInFuture({ time: Date.now() }))
 * ```
 */
export const isInFuture = ({ time }: Pick<SnapshotInfo, "time">, now: number = Date.now()): boolean =>
  time > now + CLOCKS_MS

/**
 * Chooses the snapshot that a backup starts from: the one that `options` ask for, otherwise the newest of the same host
 * and paths. Gives undefined when there is none. `snapshots` are sorted by time. Warns when the newest of all is dated
 * in the future, unless the options set a time. Fails with `unknown-snapshot`.
 *
 * @example Start from the newest snapshot of the same host and paths
 * ```ts
 * import { Effect } from "effect"
 * import { chooseParent } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const snapshots = [
 *   { id: "aa01", hostname: "laptop", paths: ["/home"], time: 1000 },
 *   { id: "bb02", hostname: "laptop", paths: ["/home"], time: 2000 },
 *   { id: "cc03", hostname: "server", paths: ["/home"], time: 3000 },
 * ]
 * const choose = (options: { parent?: string }) =>
 *   Effect.runPromise(
 *     chooseParent(snapshots, { hostname: "laptop", paths: ["/home"], ...options }, (snapshot) => snapshot),
 *   )
 * assert.equal((await choose({}))?.id, "bb02")
 * assert.equal((await choose({ parent: "aa" }))?.id, "aa01")
 * assert.equal(await choose({ parent: "none" }), undefined)
 * ```
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

/** Finds hosts whose backups have stopped. */
import { isInFuture } from "./parent.ts"
import type { SnapshotInfo } from "./repository.ts"

/** A host whose newest snapshot is too old, or which has none. */
export interface StaleHost {
  /** Name of the machine. */
  readonly hostname: string
  /** Undefined when it has none. */
  readonly newest: SnapshotInfo | undefined
}

/**
 * The hosts without a snapshot since a time, sorted by name. `since` and `now` are in milliseconds since 1970. `hosts`
 * must have a snapshot; all others that have one at any time are looked at, too. A snapshot that is dated in the future
 * says nothing, because it would hide that later ones are missing.
 *
 * @example Find out whose last backup is more than 26 hours old
 * ```ts
 * import assert from "node:assert/strict"
 * import { staleHosts } from "@penstock/penstock"
 *
 * const hour = 3_600_000
 * const now = Date.now()
 * const snapshot = { id: "aa", username: "", paths: [], tags: [] }
 * const old = { ...snapshot, hostname: "old", time: now - 30 * hour }
 * const snapshots = [old, { ...snapshot, hostname: "new", time: now }]
 * assert.deepEqual(staleHosts(snapshots, { since: now - 26 * hour }).map(({ hostname }) => hostname), ["old"])
 * ```
 */
export const staleHosts = (
  snapshots: ReadonlyArray<SnapshotInfo>,
  { hosts = [], now = Date.now(), since }: {
    readonly since: number
    readonly hosts?: ReadonlyArray<string>
    readonly now?: number
  },
): ReadonlyArray<StaleHost> => {
  const all = new Map<string, SnapshotInfo | undefined>(hosts.map((host) => [host, undefined]))
  for (const snapshot of snapshots) {
    const before = all.get(snapshot.hostname)
    const counts = !isInFuture(snapshot, now) && (before === undefined || snapshot.time > before.time)
    all.set(snapshot.hostname, counts ? snapshot : before)
  }
  return [...all].map(([hostname, newest]) => ({ hostname, newest }))
    .filter(({ newest }) => newest === undefined || newest.time < since)
    .sort((a, b) => a.hostname < b.hostname ? -1 : 1)
}

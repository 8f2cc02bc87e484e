/** Lists snapshots, and chooses among them. */
import * as Effect from "effect/Effect"
import { resolve } from "node:path"
import type { FormatError } from "../../formats/error.ts"
import { isInFuture } from "../../formats/parent.ts"
import type { Repository, SnapshotInfo } from "../../formats/repository.ts"
import { OnUnlisted } from "../../formats/unlisted.ts"
import { displayPath, displayText } from "../../stages/walk/path.ts"
import type { FilterInput } from "../arguments/inputs.ts"
import type { Output } from "../output/output.ts"
import { plural, SHORT_ID, showTime } from "../output/show.ts"
import { UsageError } from "../process/usage_error.ts"

/** `1a2b3c4d of 2026-11-21 00:41:03`, or without the time if the format keeps none. */
export const describeSnapshot = ({ id, time }: SnapshotInfo): string =>
  `${id.slice(0, SHORT_ID)}${time === 0 ? "" : ` of ${showTime(time)}`}`

/** The tags in one value of `--tag`, or of another option, which is split at commas. */
export const tagsIn = (option: string) => (text: string): Effect.Effect<ReadonlyArray<string>, UsageError> => {
  const tags = text.split(",").map((tag) => tag.trim()).filter((tag) => tag !== "")
  return tags.length > 0 ? Effect.succeed(tags) : Effect.fail(
    new UsageError({ message: `${option} "${text}" names no tag: write ${option} daily or ${option} daily,home` }),
  )
}

/** The snapshots of a repository. */
export interface Listing {
  /** Oldest first. */
  readonly snapshots: ReadonlyArray<SnapshotInfo>
  /** How many exist but cannot be listed, as far as is known. Each was named in a warning. */
  readonly unlisted: number
}

/** Lists the snapshots. Warns of each that cannot be listed. */
export const listSnapshots: (repository: Repository) => Effect.Effect<Listing, FormatError> = Effect.fnUntraced(
  function* (repository) {
    let unlisted = 0
    const warn = yield* OnUnlisted
    const snapshots = yield* Effect.provideService(repository.snapshots, OnUnlisted, (message) => {
      unlisted += 1
      return warn(message)
    })
    return { snapshots, unlisted }
  },
)

/** The last word on snapshots that cannot be listed. */
export const describeUnlisted = (unlisted: number): string =>
  `${plural(unlisted, "snapshot")} cannot be listed: see above; penstock check says what is damaged and what to do`

/** Chooses among snapshots. */
export interface SnapshotFilter {
  readonly fits: (snapshot: SnapshotInfo) => boolean
  /** The options as they were given, for messages. `""` if there are none. */
  readonly given: string
}

/**
 * The filter of `--host`, `--path` and `--tag`: any of the hosts, all of the paths, and all tags of any one `--tag`.
 */
export const filterOf: (input: FilterInput) => Effect.Effect<SnapshotFilter, UsageError> = Effect.fnUntraced(
  function* ({ onlyHost, onlyPath, onlyTag }) {
    const tags = yield* Effect.forEach(onlyTag, tagsIn("--tag"))
    const paths = onlyPath.map((path) => resolve(path))
    return {
      fits: (snapshot) =>
        (onlyHost.length === 0 || onlyHost.includes(snapshot.hostname)) &&
        paths.every((path) => snapshot.paths.includes(path)) &&
        (tags.length === 0 || tags.some((all) => all.every((tag) => snapshot.tags.includes(tag)))),
      given: [
        ...onlyHost.map((host) => `--host ${host}`),
        ...paths.map((path) => `--path ${path}`),
        ...onlyTag.map((tag) => `--tag ${tag}`),
      ].map(displayText).join(" "),
    }
  },
)

/** The snapshots that pass a filter. Fails if none of several does. */
export const applyFilter = (
  { snapshots, unlisted }: Listing,
  { fits, given }: SnapshotFilter,
): Effect.Effect<ReadonlyArray<SnapshotInfo>, UsageError> => {
  const fitting = snapshots.filter(fits)
  if (fitting.length > 0) return Effect.succeed(fitting)
  if (snapshots.length === 0 && unlisted > 0) return Effect.fail(allDamaged(unlisted))
  return snapshots.length === 0 && given === "" ? Effect.succeed(fitting) : Effect.fail(
    new UsageError({ message: `No snapshot fits ${given}; penstock snapshots lists them all${damagedNote(unlisted)}` }),
  )
}

/** No snapshot can be listed, because all are damaged. */
const allDamaged = (unlisted: number): UsageError =>
  new UsageError({
    message: `The repository has snapshots, but ${
      unlisted === 1 ? "the only one is" : `all ${unlisted} are`
    } damaged: see above; penstock check says what to do`,
  })

/** A note that the wanted snapshot may be one that is damaged. */
const damagedNote = (unlisted: number): string =>
  unlisted === 0 ? "" : `, but for ${plural(unlisted, "damaged one", "damaged ones")}; see above`

/**
 * The snapshot that `latest` or the start of an ID names, among those that pass the filter. Fails with {@link
 * UsageError} if none or several fit; if none does, `hint` goes on after the message. If there are several hosts or
 * paths, a remark says which snapshot `latest` took.
 */
export const pickSnapshot: (
  listing: Listing,
  name: string,
  filter: SnapshotFilter,
  out: Pick<Output, "remark">,
  hint?: string,
) => Effect.Effect<SnapshotInfo, FormatError | UsageError> = Effect.fnUntraced(function* (
  listing,
  name,
  filter,
  out,
  hint = "",
) {
  if (listing.snapshots.length === 0 && listing.unlisted === 0) {
    return yield* new UsageError({ message: "The repository has no snapshots yet; make one with penstock backup" })
  }
  const candidates = yield* applyFilter(listing, filter)
  const wanted = name.toLowerCase()
  if (wanted === "latest") {
    const newest = candidates.at(-1)!
    tellChoice(newest, candidates, out)
    return newest
  }
  const fitting = wanted === "" ? [] : candidates.filter((snapshot) => snapshot.id.startsWith(wanted))
  const exact = fitting.find((snapshot) => snapshot.id === wanted)
  if (exact !== undefined) return exact
  if (fitting.length === 1) return fitting[0]!
  const which = filter.given === "" ? "" : ` that fits ${filter.given}`
  return yield* new UsageError({
    message: fitting.length === 0
      ? `There is no snapshot "${name}"${which}; penstock snapshots lists them all${
        damagedNote(listing.unlisted)
      }${hint}`
      : `"${name}" is the start of ${fitting.length} snapshot IDs: ${
        fitting.slice(0, 4).map((snapshot) => snapshot.id.slice(0, Math.max(SHORT_ID, wanted.length + 4))).join(", ")
      }; give more digits`,
  })
})

/**
 * The snapshots that are named, or else all, among those that pass the filter; oldest first. `unknown`: how many names
 * are of no snapshot; each is told. Fails if there is nothing to take.
 */
export const pickSnapshots: (
  names: ReadonlyArray<string>,
  listing: Listing,
  filter: SnapshotFilter,
  out: Pick<Output, "remark" | "warn" | "row">,
) => Effect.Effect<
  { readonly wanted: ReadonlyArray<SnapshotInfo>; readonly unknown: number },
  UsageError
> = Effect.fnUntraced(function* (names, listing, filter, out) {
  if (names.length === 0) return { wanted: yield* applyFilter(listing, filter), unknown: 0 }
  const wanted = new Set<SnapshotInfo>()
  const unknown: Array<string> = []
  for (const name of new Set(names)) {
    const found = yield* Effect.result(pickSnapshot(listing, name, filter, out))
    if (found._tag === "Success") wanted.add(found.success)
    else unknown.push(found.failure.message)
  }
  if (wanted.size === 0) return yield* new UsageError({ message: unknown.join(". ") })
  for (const message of unknown) {
    out.warn(message)
    out.row({ type: "problem", message })
  }
  return { wanted: listing.snapshots.filter((snapshot) => wanted.has(snapshot)), unknown: unknown.length }
})

/** Says which snapshot `latest` took, if it could have been another, and warns if it is dated in the future. */
const tellChoice = (
  newest: SnapshotInfo,
  candidates: ReadonlyArray<SnapshotInfo>,
  out: Pick<Output, "remark">,
): void => {
  const hosts = new Set(candidates.map(({ hostname }) => hostname))
  const paths = new Set(candidates.map(({ paths }) => paths.join("\0")))
  if (hosts.size > 1 || paths.size > 1) {
    const others = [
      ...(hosts.size > 1 ? [plural(hosts.size, "host")] : []),
      ...(paths.size > 1 ? [plural(paths.size, "set of paths", "sets of paths")] : []),
    ].join(" and ")
    out.remark(
      `Taking snapshot ${describeSnapshot(newest)}, of ${
        [newest.hostname, ...newest.paths].map(displayPath).join(", ")
      }. The repository has snapshots of ${others}: choose with --host, --path and --tag`,
    )
  }
  const warning = futureWarning(newest)
  if (warning !== undefined) out.remark(warning)
}

/** A warning about a snapshot whose time is in the future. Undefined for any other. */
export const futureWarning = (snapshot: SnapshotInfo): string | undefined =>
  !isInFuture(snapshot)
    ? undefined
    : `Snapshot ${
      describeSnapshot(snapshot)
    } is dated in the future: until then it stays the latest, even after further backups`

/** Counts what a restore did, and tells it. */
import type { Problem } from "../../formats/repository.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { displayPath } from "../../stages/walk/path.ts"
import type { Written } from "../../stages/walk/target.ts"
import type { Output } from "./output.ts"
import { plural, showBytes, showCount, showDuration, showPath } from "./show.ts"
import { printTraffic, type Traffic, trafficMembers } from "./traffic.ts"

/** What a restore did so far. */
export interface RestoreTally {
  entries: number
  files: number
  directories: number
  bytes: number
  written: number
  unchanged: number
  /** Left as they are, as `--overwrite` says. */
  kept: number
  /** Read back. */
  verified: number
  deleted: number
  /** Restored or unchanged, except for something that the target cannot hold. */
  lost: number
  skipped: number
  failed: number
  /** Entries that the snapshot lists and cannot give. They count as failed, too. */
  unlisted: number
}

/** The tally of a restore that begins. */
export const newTally = (): RestoreTally => ({
  entries: 0,
  files: 0,
  directories: 0,
  bytes: 0,
  written: 0,
  unchanged: 0,
  kept: 0,
  verified: 0,
  deleted: 0,
  lost: 0,
  skipped: 0,
  failed: 0,
  unlisted: 0,
})

/** Counts entries that were given to the target. */
export const countEntries = (tally: RestoreTally, entries: ReadonlyArray<Entry>): void => {
  for (const { kind, size } of entries) {
    tally.entries += 1
    if (kind === "file") tally.files += 1
    else if (kind === "directory") tally.directories += 1
    tally.bytes += size ?? 0
  }
}

/** Names an entry that could not be restored. */
export const tellFailed = (tally: RestoreTally, { path, message }: Problem, out: Output): void => {
  tally.failed += 1
  out.warn(`Cannot restore ${showPath(path)}: ${message}`)
  out.row({ type: "problem", path, message })
}

/** Names what a dry run would write. With `--verbose`, also names what was written and what was unchanged. */
export const tellOutcome = (
  { kind, path }: Entry,
  outcome: Written["outcome"],
  dryRun: boolean,
  out: Output,
): void => {
  const name = showPath(path)
  if (outcome === "kept") out.detail(`Left as it is: ${name}`)
  else if (outcome === "unchanged") out.detail(`Unchanged: ${name}`)
  else if (outcome === "written" && dryRun) {
    out.note(name)
    out.row({ type: "entry", path, kind })
  } else if (outcome === "written") out.detail(`Restored: ${name}`)
}

/** Names what the target cannot hold of an entry that was restored. */
export const tellLost = (tally: RestoreTally, result: Written, out: Output): void => {
  if (!("lost" in result)) return
  const { lost, path } = result
  tally.lost += 1
  if (!out.quiet) out.warn(`Not kept whole: ${showPath(path)}: ${lost}`)
  out.row({ type: "lost", path, message: lost })
}

/** Counts the results of entries, and names those that are problems. */
export const tellWritten = (tally: RestoreTally, results: ReadonlyArray<Written>, out: Output): void => {
  for (const result of results) {
    if (result.outcome === "failed") tellFailed(tally, result, out)
    // The target itself is made before anything is written, so it does not count as unchanged.
    else if (result.path !== "" || result.outcome !== "unchanged") tally[result.outcome] += 1
    if ("verified" in result) tally.verified += 1
    tellLost(tally, result, out)
    if (result.outcome === "skipped") {
      if (!out.quiet) out.warn(`Skipped ${displayPath(result.path)}: ${result.message}`)
      out.row({ type: "skipped", path: result.path, message: result.message })
    }
  }
}

/** Counts what was deleted, or would be in a dry run, which names it. With `--verbose` it is named in any case. */
export const tellDeleted = (
  tally: RestoreTally,
  { kind, path }: Pick<Entry, "path" | "kind">,
  dryRun: boolean,
  out: Output,
): void => {
  tally.deleted += 1
  if (dryRun) out.note(`Would be deleted: ${showPath(path)}`)
  else out.detail(`Deleted: ${showPath(path)}`)
  out.row({ type: "deleted", path, kind })
}

/** Names what could not be deleted. */
export const tellNotDeleted = (tally: RestoreTally, { message, path }: Problem, out: Output): void => {
  tally.failed += 1
  out.warn(`Cannot delete ${showPath(path)}: ${message}`)
  out.row({ type: "problem", path, message })
}

/** Prints the summary. */
export const reportRestore = (
  tally: RestoreTally,
  snapshot: string,
  input: {
    readonly target: string
    readonly dryRun: boolean
    readonly delete: boolean
    readonly verify: boolean
  },
  seconds: number,
  traffic: Traffic,
  out: Output,
): void => {
  const { files, directories, bytes, written, unchanged, kept, lost, skipped, failed, deleted, verified } = tally
  out.row({
    type: "summary",
    files,
    dirs: directories,
    bytes,
    written,
    unchanged,
    kept,
    lost,
    skipped,
    failed,
    ...(input.delete ? { deleted } : {}),
    ...(input.verify ? { verified } : {}),
    seconds,
    snapshot,
    ...(input.dryRun ? { dryRun: true } : { target: input.target }),
    ...trafficMembers(traffic),
  })
  out.note(
    `${plural(files, "file")} and ${plural(directories, "directory", "directories")}, ${showBytes(bytes)}, ` +
      (input.dryRun
        ? `compared with ${input.target}; ${showCount(written)} would be restored`
        : `restored to ${input.target} in ${showDuration(seconds)}`) +
      (unchanged > 0 ? `; ${showCount(unchanged)} unchanged` : "") +
      (input.delete ? `; ${showCount(deleted)} ${input.dryRun ? "would be deleted" : "deleted"}` : "") +
      (input.verify ? `; ${plural(verified, "file")} read back` : "") +
      (kept > 0 ? `; ${showCount(kept)} left as they are` : "") +
      (lost > 0 ? `; ${showCount(lost)} not kept whole by the file system` : "") +
      (skipped > 0 ? `; ${showCount(skipped)} skipped` : ""),
  )
  printTraffic(traffic, out)
  if (failed > 0) {
    out.line(`${showCount(failed)} could not be restored${input.delete ? " or deleted" : ""}: see the messages above`)
  }
}

/** Snapshots as a table for people. */
import type { SnapshotInfo } from "../../formats/repository.ts"
import { displayPath } from "../../stages/walk/path.ts"
import { SHORT_ID, showBytes, showCount, showTime } from "./show.ts"

/** Columns of numbers. */
const RIGHT: ReadonlySet<string> = new Set(["Files", "Size"])

/** What a table shows. */
export interface TableOptions<S> {
  /** Why a snapshot is kept. Without it, the table does not say so. */
  readonly reasonsOf?: ((snapshot: S) => ReadonlyArray<string>) | undefined
  /** Leaves out the number of files and the paths. */
  readonly compact?: boolean
}

/** The lines of a table with a row for each snapshot. */
export const snapshotTable = <S extends SnapshotInfo>(
  snapshots: ReadonlyArray<S>,
  { compact = false, reasonsOf }: TableOptions<S> = {},
): ReadonlyArray<string> => {
  const tagged = snapshots.some((snapshot) => snapshot.tags.length > 0)
  const head = [
    ...["ID", "Time", "Host"],
    ...(tagged ? ["Tags"] : []),
    ...(compact ? [] : ["Files"]),
    "Size",
    ...(reasonsOf === undefined ? [] : ["Reasons"]),
    ...(compact ? [] : ["Paths"]),
  ]
  const rows = [
    head,
    ...snapshots.map((snapshot) => [
      snapshot.id.slice(0, SHORT_ID),
      snapshot.time === 0 ? "unknown" : showTime(snapshot.time),
      displayPath(snapshot.hostname),
      ...(tagged ? [displayPath(snapshot.tags.join(","))] : []),
      ...(compact ? [] : [snapshot.files === undefined ? "?" : showCount(snapshot.files)]),
      snapshot.bytes === undefined ? "?" : showBytes(snapshot.bytes),
      ...(reasonsOf === undefined ? [] : [displayPath(reasonsOf(snapshot).join(", "))]),
      ...(compact ? [] : [snapshot.paths.map(displayPath).join(", ")]),
    ]),
  ]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row.map((cell, column) => RIGHT.has(head[column]!) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))
      .join("  ").trimEnd()
  )
}

/** Snapshots as a table for people. */
import type { SnapshotInfo } from "../../formats/repository.ts"
import { displayPath } from "../../stages/walk/path.ts"
import { SHORT_ID, showBytes, showCount, showTime } from "./show.ts"

/** Columns of numbers. */
const RIGHT: ReadonlySet<string> = new Set(["Files", "Size"])

/** The lines of a table with a row for each snapshot. With `reasonsOf`, it says why each is kept. */
export const snapshotTable = <S extends SnapshotInfo>(
  snapshots: ReadonlyArray<S>,
  reasonsOf?: (snapshot: S) => ReadonlyArray<string>,
): ReadonlyArray<string> => {
  const tagged = snapshots.some((snapshot) => snapshot.tags.length > 0)
  const head = [
    ...["ID", "Time", "Host"],
    ...(tagged ? ["Tags"] : []),
    ...["Files", "Size"],
    ...(reasonsOf === undefined ? [] : ["Reasons"]),
    "Paths",
  ]
  const rows = [
    head,
    ...snapshots.map((snapshot) => [
      snapshot.id.slice(0, SHORT_ID),
      snapshot.time === 0 ? "unknown" : showTime(snapshot.time),
      displayPath(snapshot.hostname),
      ...(tagged ? [displayPath(snapshot.tags.join(","))] : []),
      snapshot.files === undefined ? "?" : showCount(snapshot.files),
      snapshot.bytes === undefined ? "?" : showBytes(snapshot.bytes),
      ...(reasonsOf === undefined ? [] : [displayPath(reasonsOf(snapshot).join(", "))]),
      snapshot.paths.map(displayPath).join(", "),
    ]),
  ]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row.map((cell, column) => RIGHT.has(head[column]!) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))
      .join("  ").trimEnd()
  )
}

/** Tells in what a snapshot differs from its source: problems and losses. */
import type { Problem, SnapshotInfo } from "../../formats/repository.ts"
import type { Loss } from "../../stages/walk/represent.ts"
import type { Output } from "./output.ts"
import { plural, SHORT_ID, showPath } from "./show.ts"

/** Names what could not be read or stored. `of` is added to the rows of `--json`. */
export const printProblems = (problems: ReadonlyArray<Problem>, out: Output, of: object = {}): void => {
  for (const { path, message } of problems) {
    out.warn(`Problem with ${showPath(path)}: ${message}`)
    out.row({ type: "problem", path, message, ...of })
  }
}

/** Names what is wrong with an entry of a snapshot; with the path `""`, with the list of its entries. */
export const printProblemIn = ({ id }: Pick<SnapshotInfo, "id">, { message, path }: Problem, out: Output): void => {
  const short = `snapshot ${id.slice(0, SHORT_ID)}`
  out.warn(
    path === ""
      ? `Not all files of ${short} can be listed. ${message}`
      : `Problem with ${showPath(path)} in ${short}: ${message}`,
  )
  out.row({ type: "problem", path, message, snapshot: id })
}

/** Tells what the format did not keep of the stored entries. */
export const printLosses = (losses: ReadonlyArray<Loss>, out: Output, of: object = {}): void => {
  for (const { what, entries, example } of losses) {
    if (!out.quiet && !out.json) {
      const path = showPath(example)
      out.warn(
        `Not kept: ${what}, of ${plural(entries, "entry", "entries")}${entries === 1 ? ":" : ", such as"} ${path}`,
      )
    }
    out.row({ type: "loss", what, entries, example, ...of })
  }
}

/** How what is wrong with a repository is told. */
import type { Finding } from "../../formats/repository.ts"
import { displayPath, displayText } from "../../stages/walk/path.ts"
import type { Output } from "./output.ts"
import { plural } from "./quantity.ts"
import { SHORT_ID } from "../selection/snapshots.ts"

/** Names each object that is damaged and every file that cannot be restored whole because of it. */
export const printFindings = (findings: ReadonlyArray<Finding>, out: Output): void => {
  for (const { object, message, files, unreadable } of findings) {
    out.line(displayText(message.includes(object) ? message : `${object}: ${message}`))
    for (const { snapshot, path, message } of files) {
      const why = message === undefined ? "" : `: ${displayText(message)}`
      out.line(`  cannot be restored whole: ${displayPath(path)} (snapshot ${snapshot.slice(0, SHORT_ID)})${why}`)
    }
    out.row({ type: "finding", object, message, files, ...(unreadable ? { unreadable } : {}) })
  }
}

/** What to do about what cannot be read: that goes before anything else. Undefined when all can be. */
export const adviceOnUnreadable = (findings: ReadonlyArray<Finding>): string | undefined => {
  const count = findings.filter(({ unreadable }) => unreadable).length
  return count === 0
    ? undefined
    : `${
      plural(count, "object")
    } cannot be read, and may be all there. Where permission is denied, run penstock as the owner ` +
      "of the repository. Where a disk fails, first copy the whole repository to another one, as with rsync or ddrescue, and " +
      "go on with the copy. Remove nothing"
}

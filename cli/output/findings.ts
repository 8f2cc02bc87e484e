/** How damage of a repository is printed, and what to do about it. */
import type { Finding } from "../../formats/repository.ts"
import { displayPath, displayText } from "../../stages/walk/path.ts"
import type { Output } from "./output.ts"
import { plural, SHORT_ID } from "./show.ts"

/** Names each damaged object, and every file that cannot be restored whole because of it. */
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

/** What to do about objects that cannot be read, before anything else: none if all can be read. */
export const adviceOnUnreadable = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> => {
  const count = findings.filter(({ unreadable }) => unreadable).length
  return count === 0 ? [] : [
    `${
      plural(count, "object")
    } cannot be read, but may be intact. If permission is denied, run penstock as the owner ` +
    "of the repository. If a disk fails, first copy the whole repository to another disk, with rsync or ddrescue, " +
    "and go on with the copy. Remove nothing",
  ]
}

/** Objects that no rebuild can make again: each is the only one with what it holds. */
const NOT_REBUILT = /^(catalogs|extents|blocks|FORGOTTEN)\//

/** What to do about each kind of damaged object. Formats differ in the names of theirs. */
export const adviceOnDamage = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> => {
  const damaged = findings.filter(({ unreadable }) => unreadable !== true)
  const some = (name: RegExp): boolean => damaged.some(({ object }) => name.test(object))
  return [
    ...damaged.some(({ object }) => !NOT_REBUILT.test(object))
      ? ["Lost indexes, catalogs and logs: penstock rebuild makes them again. Copy the repository first"]
      : [],
    ...some(/^catalogs\//)
      ? [
        "Lost catalogs of the format snapshot-catalog: nothing can make them again, and their snapshots are lost. " +
        "Back up again: contents that are still stored are not stored twice",
      ]
      : [],
    ...some(/\.roz$/)
      ? [
        "Damaged packs: move them out of the repository, but keep them. Run penstock rebuild, then back up again: " +
        "what the source still has is stored again",
      ]
      : [],
    ...some(/^(extents|blocks)\//)
      ? [
        "Damaged extents and blocks: move them out of the repository, but keep them. Back up again with --force: " +
        "what the source still has is stored again",
      ]
      : [],
  ]
}

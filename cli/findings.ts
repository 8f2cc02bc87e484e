/** How what is wrong with a repository is told. */
import type { Finding } from "../formats/format.ts"
import { displayPath, displayText } from "../stages/walk/path.ts"
import type { Output } from "./output.ts"
import { SHORT_ID } from "./snapshot.ts"

/** Names each object that is damaged and every file that cannot be restored whole because of it. */
export const printFindings = (findings: ReadonlyArray<Finding>, out: Output): void => {
  for (const { object, message, files } of findings) {
    out.line(displayText(message.includes(object) ? message : `${object}: ${message}`))
    for (const { snapshot, path, message } of files) {
      const why = message === undefined ? "" : `: ${displayText(message)}`
      out.line(`  cannot be restored whole: ${displayPath(path)} (snapshot ${snapshot.slice(0, SHORT_ID)})${why}`)
    }
    out.row({ type: "finding", object, message, files })
  }
}

/** Writes `exports.json` anew, when the public face is to change. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pinned } from "./public_face.ts"

writeFileSync(join(import.meta.dirname, "exports.json"), `${JSON.stringify(pinned(), undefined, 2)}\n`)

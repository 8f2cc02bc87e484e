import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { cpSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { Effect } from "effect"
import { serverFolder } from "../../servers/process.ts"
import { python, pythonMissing } from "../../servers/python.ts"
import { skipIf } from "../../skip.ts"
import { inDirectory } from "../process/spawn.ts"
import { plant, restored, run, scoped } from "../process/web.ts"

test(
  ...skipIf(pythonMissing, "bkp and rozen: restore from python3 -m http.server, with and without a manifest"),
  () =>
    inDirectory((at) =>
      scoped(Effect.gen(function* () {
        const folder = yield* serverFolder
        const url = yield* python(folder)
        yield* Effect.promise(async () => {
          plant(at)
          for (const format of ["bkp", "rozen"]) {
            await run(["backup", "--init", "-r", at(format), "--format", format, at("src")])
            cpSync(at(format), join(folder, format), { recursive: true })
            if (format === "bkp") await restored(at, `${url}${format}`, "listed")
            const find = "find . -type f ! -path './tmp/*' -printf '%s %P\\n' > OBJECTS.txt"
            assert.equal(spawnSync("sh", ["-c", find], { cwd: join(folder, format) }).status, 0)
            await restored(at, `${url}${format}`, `out-${format}`)
          }
        })
      }))
    ),
)

/** The user name of a snapshot comes from the system, not the environment, in every format that keeps it. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { skipIf } from "../skip.ts"
import { inDirectory, rowsOf, runScript } from "./process/spawn.ts"

const asked = spawnSync("id", ["-un"], { encoding: "utf8" })
const name = asked.stdout?.trim() ?? ""

test(
  ...skipIf(asked.status !== 0 && "the program id is missing", "the user name is that of the system"),
  () =>
    inDirectory(async (at) => {
      assert.doesNotMatch(name, /^\d*$/)
      mkdirSync(at("src"))
      writeFileSync(at("src/a"), "content")
      writeFileSync(at("key"), "00".repeat(32))
      const cases = [
        { format: "rozen", args: [], env: { PENSTOCK_PASSWORD: "secret" } },
        { format: "snapshot-catalog", args: [], env: {} },
        { format: "fogsync", args: ["--key-file", at("key")], env: {} },
      ]
      for (const { args, env, format } of cases) {
        for (const user of [{}, { USER: "another", LOGNAME: "another", USERNAME: "another" }]) {
          const repo = ["-r", at(format), ...args]
          const how = { env: { ...env, ...user } }
          const made = await runScript("tests/cli/process/quick_main.ts", [
            ...["backup", "--init", ...repo, "--format", format, at("src")],
          ], how)
          assert.equal(made.code, 0, made.stderr)
          const listed = await runScript("tests/cli/process/quick_main.ts", ["snapshots", ...repo, "--json"], how)
          assert.equal(rowsOf(listed).findLast(({ type }) => type === "snapshot")!["username"], name, format)
        }
      }
    }),
)

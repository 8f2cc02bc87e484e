/** The type check is part of the suite: the tests of orders are worth nothing without it. */
// On Node: types are the same on every runtime.
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { test } from "node:test"
import { fileURLToPath } from "node:url"

test("the project type-checks, and nothing that must not compile does", () => {
  const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", fileURLToPath(new URL("..", import.meta.url))], {
    encoding: "utf8",
  })
  assert.equal(status, 0, stdout)
})

/** The unified diff of two texts. */
// On one runtime: it is portable code.
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { isBinary, unifiedDiff } from "../../../cli/output/patch.ts"
import { skipIf } from "../../skip.ts"
import { inDirectory } from "../process/spawn.ts"

const missing = spawnSync("patch", ["--version"]).status !== 0 && "the program patch is missing"

test(
  ...skipIf(missing, "patch makes the second text of the first, byte for byte, in any encoding"),
  () =>
    inDirectory((at) => {
      const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`)
      const cases = [
        [lines.join("\n"), lines.with(20, "other").toSpliced(3, 1).join("\n")],
        ["caf\xe9\r\nx\n", "caf\xe8\r\nx"],
        ["no end", "no end\n"],
        ["a\n", ""],
        ["", "\t\x1b[31m\n"],
      ] as const
      for (const [before, after] of cases) {
        const [old, now] = [Buffer.from(before, "latin1"), Buffer.from(after, "latin1")]
        const diff = unifiedDiff({ name: "a/t", time: "x", bytes: old }, { name: "b/t", time: "y", bytes: now })
        writeFileSync(at("t"), old)
        const { status, stdout } = spawnSync("patch", ["--binary", "-p1", "t"], { cwd: at("."), input: diff! })
        assert.equal(status, 0, String(stdout))
        assert.equal(readFileSync(at("t"), "latin1"), after)
      }
      return Promise.resolve()
    }),
)

test("texts that are the same have an empty diff; what has a zero byte is no text", () => {
  const version = { name: "t", time: "", bytes: Buffer.from("a\n") }
  assert.deepEqual(unifiedDiff(version, version), new Uint8Array(0))
  assert.deepEqual([isBinary(Buffer.from("a\0")), isBinary(version.bytes)], [true, false])
})

/** What the commands say and do about snapshots that cannot be listed. */
// On one runtime: many formats; what is damaged is found by portable code.
import assert from "node:assert/strict"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { type Ended, inDirectory, rowsOf, runScript } from "./process/spawn.ts"

/** By format, the objects that list a snapshot. They are damaged here. */
const PLACES: Readonly<Record<string, RegExp>> = {
  rozen: /INDEX\/.*\.idx$/,
  bkp: /metadata\//,
  "snapshot-catalog": /catalogs\//,
  fogsync: /roots\//,
}

const filesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => join(parentPath, name))

const ruin = (path: string): void => writeFileSync(path, readFileSync(path).fill(0x5a))

for (const [format, place] of Object.entries(PLACES)) {
  test(`${format}: a damaged snapshot is not taken for none, and no command that reads it succeeds`, async () => {
    await inDirectory(async (at) => {
      mkdirSync(at("src"))
      writeFileSync(at("src/a"), "1")
      writeFileSync(at("key"), "0123456789abcdef".repeat(4))
      const secret = format === "fogsync"
        ? ["--key-file", at("key")]
        : format === "snapshot-catalog"
        ? ["--no-encryption"]
        : []
      const env = {
        ...(secret.length === 0 ? { PENSTOCK_PASSWORD: "secret" } : {}),
        PENSTOCK_TO_PASSWORD: "secret",
      }
      const run = (...args: ReadonlyArray<string>): Promise<Ended> =>
        runScript("tests/cli/process/quick_main.ts", args, { env })
      const repo = ["-r", at("repo"), "--no-cache", ...secret]
      const made = await run("backup", "--init", "-q", ...repo, "--format", format, at("src"))
      assert.equal(made.code, 0, made.stderr)
      const whole = await run("snapshots", "--json", ...repo)
      assert.deepEqual([whole.code, rowsOf(whole).at(-1)], [0, { type: "summary", snapshots: 1 }])
      const damaged = filesIn(at("repo")).filter((path) => place.test(path.replaceAll("\\", "/")))
      assert.ok(damaged.length > 0)
      for (const path of damaged) ruin(path)
      // The index lists snapshot catalogs, too.
      if (existsSync(at("repo/catalog.idx"))) ruin(at("repo/catalog.idx"))

      const [listed, restored, ls, dumped, checked, verified, found] = await Promise.all([
        run("snapshots", "--json", ...repo),
        run("restore", ...repo, "-t", at("out")),
        run("ls", ...repo),
        run("dump", ...repo, "a"),
        run("check", ...repo, "--path", "/none"),
        run("verify", ...repo),
        run("find", ...repo, "a"),
      ])
      assert.equal(listed.code, 1, listed.stderr)
      const { snapshots, unlisted } = rowsOf(listed).at(-1)!
      assert.equal(snapshots, 0)
      assert.ok(Number(unlisted) >= 1)
      assert.match(listed.stderr, /snapshots? cannot be listed: see above; penstock check says what is damaged/)
      for (const { code, stderr } of [restored, ls, dumped, verified, found]) {
        assert.equal(code, 1)
        assert.match(stderr, /penstock: The repository has snapshots, but .* damaged: .*penstock check says what to do/)
        assert.doesNotMatch(stderr, /no snapshots yet/)
      }
      assert.equal(checked.code, 1)
      const to = ["--to", at("to"), "--to-format", "rozen"]
      const converted = await run("convert", ...repo, ...to)
      assert.equal(converted.code, 1, converted.stderr)
      assert.match(converted.stderr, /The repository has snapshots, but/)

      // Another snapshot that is whole does not hide that one is not.
      if (format !== "rozen") return
      assert.equal((await run("backup", "-q", ...repo, at("src"))).code, 0)
      const drill = await run("verify", ...repo)
      assert.deepEqual([drill.code, drill.stdout.split(":")[0]], [1, "FAILED"], drill.stdout)
      assert.match(drill.stdout, /; 1 snapshot cannot be listed$/m)
    })
  })
}

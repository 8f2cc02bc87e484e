import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { test } from "node:test"
import { subcommandFirst } from "../../../cli/arguments/subcommand_first.ts"
import { backupScript, inDirectory, penstock, rowsOf } from "../process/spawn.ts"

test("each shared option may stand before the subcommand, in every spelling", async () => {
  const help = (await penstock(["snapshots", "--help"])).stdout
  const own = ["compact", "group-by", "host", "latest", "path", "stale", "tag", "help", "version", "completions"]
  const shared = [...help.matchAll(/^ +--([a-z-]+)(?:, -([a-z]))?(?: ([A-Za-z]\S*))? {2,}/gm)]
    .filter(([, name]) => !own.includes(name!))
  assert.ok(shared.length >= 18, help)
  const rest = ["letters", "-l", "--", "-x"]
  for (const [, name, alias, value] of shared) {
    for (const option of [`--${name}`, ...alias === undefined ? [] : [`-${alias}`]]) {
      const spellings = value === undefined ? [[option]] : [[option, "-ls"], [`${option}=ls`]]
      for (const given of spellings) {
        assert.deepEqual(subcommandFirst([...given, "ls", ...rest]), ["ls", ...given, ...rest], option)
        assert.deepEqual(subcommandFirst(["-v", ...given, "ls"]), ["ls", "-v", ...given], option)
      }
    }
  }
  assert.deepEqual(subcommandFirst(["-qvr/a=b", "ls"]), ["ls", "-q", "-v", "-r=/a=b"])
  assert.deepEqual(subcommandFirst(["-qr", "/a", "ls"]), ["ls", "-q", "-r", "/a"])
  assert.deepEqual(subcommandFirst(["--json=false", "--help", "ls"]), ["--help", "ls", "--json=false"])
  const nested = new Set(["key"])
  assert.deepEqual(subcommandFirst(["-q", "key", "-r", "/a", "list", "-v"], nested), [
    "key",
    "list",
    "-q",
    "-r",
    "/a",
    "-v",
  ])
  assert.deepEqual(subcommandFirst(["-q", "ls", "key", "list"], nested), ["ls", "-q", "key", "list"])
  assert.deepEqual(subcommandFirst(["-q", "key", "--help"], nested), ["-q", "key", "--help"])
  for (
    const args of [[], ["-r"], ["-q"], ["--", "ls"], ["--bogus", "ls"], ["-q", "--bogus", "ls"], ["-qz", "ls"], [
      "ls",
      "-r",
      "/a",
    ]]
  ) assert.deepEqual(subcommandFirst(args), args)
})

test("options before the subcommand have the same effect as behind it, and unknown ones are errors", async () => {
  await inDirectory(async (at) => {
    writeFileSync(at("file"), "content")
    writeFileSync(at("other"), "other")
    const repo = at("repo")
    assert.equal((await backupScript(["-r", repo, "-q", at("file")])).code, 0)
    const [apart, joined, unknown, typo, help] = await Promise.all([
      penstock(["-r", repo, "--json", "snapshots"]),
      penstock(["-vr" + repo, "ls"]),
      penstock(["-r", repo, "--bogus", "ls"]),
      penstock(["-r", repo, "snapshot"]),
      penstock(["-q", "--help", "ls"]),
    ])
    assert.equal(apart.code, 0, apart.stderr)
    assert.equal(rowsOf(apart).at(-1)!["type"], "summary")
    assert.deepEqual([joined.code, joined.stdout], [0, "file\n"], joined.stderr)
    const quiet = await penstock([`--repo=${repo}`, "-q", "backup", at("other")])
    assert.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, "", ""])
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /--bogus/)
    assert.equal(typo.code, 1)
    assert.match(typo.stderr, /did you mean snapshots\?/)
    assert.match(help.stdout, /penstock ls/)
  })
})

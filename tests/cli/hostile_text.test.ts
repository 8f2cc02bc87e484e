/**
 * Names, records and arguments may contain anything: what is printed controls no terminal, and looks like nothing else.
 */
// On one runtime: what reaches the terminal is decided by portable code.
import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { HIDDEN_CHARACTERS } from "../../stages/walk/path.ts"
import { type Ended, inDirectory, runScript } from "./process/spawn.ts"

/**
 * Both kinds of control sequences, marks and overrides of the direction, a line break, and a line separator.
 */
const EVIL = "\u001b[2J\u009b31m\u202etxt\u2066\u2069\u200f\rpenstock: all is well\u2028\u007f"
/** The same without characters that an argument of a shell script cannot have. */
const NAME = `x${EVIL}`
const SHOWN = "x\\x1b[2J\\xc2\\x9b31m\\xe2\\x80\\xaetxt\\xe2\\x81\\xa6\\xe2\\x81\\xa9\\xe2\\x80\\x8f\\x0d"

const raw = new RegExp(HIDDEN_CHARACTERS, "gu")
const rawOf = (text: string): ReadonlyArray<string> =>
  (text.match(raw) ?? []).filter((found) => found !== "\n").map((found) => found.charCodeAt(0).toString(16))

const run = (...args: ReadonlyArray<string>) => runScript("tests/cli/process/quick_main.ts", args)

test("every command escapes names, hosts, tags and paths", async () => {
  await inDirectory(async (at) => {
    const source = at(NAME)
    mkdirSync(source)
    writeFileSync(`${source}/${NAME}`, "content")
    mkdirSync(`${source}/\u202e`)
    const repo = ["-r", at("repo")]
    const outputs: Array<Ended> = []
    const all = async (runs: ReadonlyArray<ReadonlyArray<string>>): Promise<ReadonlyArray<Ended>> => {
      const ended = await Promise.all(runs.map((args) => run(...args)))
      for (const [i, { stderr, stdout }] of ended.entries()) {
        assert.deepEqual(rawOf(stdout + stderr), [], JSON.stringify(runs[i]))
      }
      outputs.push(...ended)
      return ended
    }
    await all([["backup", "--init", "-v", ...repo, "--host", NAME, "--tag", EVIL, source]])
    await all([["backup", "--json", ...repo, "--host", NAME, "--tag", EVIL, "--exclude", `${NAME}/z`, source]])
    const [listed, , ls, , jsonSnapshots, jsonLs] = await all([
      ["snapshots", ...repo],
      ["check", "--read-data", ...repo],
      ["ls", ...repo],
      ["ls", "-l", ...repo, "latest", NAME],
      ["snapshots", "--json", ...repo],
      ["ls", "--json", ...repo],
      ["restore", "-v", ...repo, "--target", at("target"), NAME],
      ["restore", "--json", ...repo, "--target", at("target2")],
      ["restore", "-q", ...repo, "--target", at("target3"), "--include", `${NAME}.none`],
      ["dump", ...repo, `no ${EVIL}`],
      ["ls", ...repo, `no ${EVIL}`],
      ["ls", ...repo, "latest", `no ${EVIL}`],
      ["rebuild", "-v", ...repo],
      ["snapshots", ...repo, `--${EVIL}`],
      ["snapshots", ...repo, "--tag", EVIL],
      ["snapshots", ...repo, "--host", EVIL],
      [EVIL],
      ["snapshots", "-r", at(EVIL)],
      ["snapshots", "-r", `s3://${EVIL}/x`],
      ["snapshots", ...repo, "--debug", "--format", EVIL],
      ["backup", ...repo, at(`nowhere ${EVIL}`)],
      ["backup", ...repo, "--debug", "--parent", EVIL, source],
      ["convert", ...repo, "--to", at(`other${EVIL}`), "--format", "snapshot-catalog", "--no-encryption"],
    ])
    assert.ok(listed!.stdout.includes(SHOWN), listed!.stdout)
    assert.ok(ls!.stdout.split("\n").some((line) => line.startsWith(SHOWN)), ls!.stdout)
    // JSON contains the characters, escaped.
    const rows = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line))
    assert.ok(jsonSnapshots!.stdout.includes("\\u202e") && jsonSnapshots!.stdout.includes("\\u009b"))
    assert.equal(rows(jsonSnapshots!.stdout)[0].hostname, NAME)
    assert.ok(rows(jsonLs!.stdout).some(({ path }) => path === NAME))
    for (const { stderr } of outputs) assert.doesNotMatch(stderr, /A bug in penstock/)
  })
})

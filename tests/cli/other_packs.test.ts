/** A pack is damaged, and another has the same content: commands succeed and say so, and `check` fails. */
// On one runtime: it reads what the command says; the packs are tested elsewhere.
import assert from "node:assert/strict"
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { test } from "node:test"
import { noise } from "../suites/noise.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "./process/spawn.ts"

const run = async (code: number, args: ReadonlyArray<string>): Promise<Ended> => {
  const ended = await runScript("tests/cli/process/quick_main.ts", args)
  assert.equal(ended.code, code, `${args.join(" ")}: ${ended.stderr}`)
  return ended
}

/** The objects of a kind in a repository, in the order of their names. */
const objectsOf = (repository: string, extension: string): ReadonlyArray<string> =>
  readdirSync(repository, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && one.name.endsWith(extension))
    .map(({ name, parentPath }) => relative(repository, join(parentPath, name)).replaceAll("\\", "/")).sort()

test("restore reads a damaged chunk from another pack, says so and succeeds; check names the pack", () =>
  inDirectory(async (at) => {
    const content = noise(200_000, 1)
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), content)
    await run(0, ["init", "-q", "-r", at("one")])
    // Two writers who do not see each other: then what the second has stored goes to the first.
    cpSync(at("one"), at("two"), { recursive: true })
    for (const name of ["one", "two"]) await run(0, ["backup", "-q", "-r", at(name), at("src")])
    const [first] = ["one", "two"].sort((a, b) => objectsOf(at(a), ".map")[0]! < objectsOf(at(b), ".map")[0]! ? -1 : 1)
    const [pack] = objectsOf(at(first!), ".roz")
    cpSync(at("two"), at("one"), { recursive: true, force: false })
    const bytes = readFileSync(join(at("one"), pack!))
    bytes[100_000]! ^= 1
    writeFileSync(join(at("one"), pack!), bytes)

    const restored = await run(0, ["restore", "--json", "-r", at("one"), "--target", at("out")])
    assert.deepEqual(readFileSync(at("out/a")), Buffer.from(content))
    assert.match(restored.stderr, new RegExp(`^penstock: there is damage, but other packs had .*${pack}.*\n$`))
    assert.equal(rowsOf(restored).at(-1)!["otherPacks"], 1)
    const checked = await run(1, ["check", "--read-data", "-r", at("one")])
    assert.match(checked.stdout + checked.stderr, new RegExp(`${pack}.* damaged.*so nothing is lost`))
  }))

/** Whatever the documents name exists: links, exported names, commands and options, exit codes. */
// On one runtime: it reads sources, and no code of the library runs.
import assert from "node:assert/strict"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { test } from "node:test"
import * as adapters from "../../adapters/mod.ts"
import * as exit from "../../cli/process/exit_codes.ts"
import { describeFormatOption, formatOptionUsage } from "../../cli/repository/format_options.ts"
import { builtInFormats } from "../../cli/repository/formats.ts"
import * as penstock from "../../mod.ts"

const root = resolve(import.meta.dirname, "../..")
const read = (path: string): string => readFileSync(join(root, path), "utf8")
const markdown = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].concat(
  ["docs", "formats"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".md")).map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
  ),
)
const pages = markdown.filter((path) => existsSync(join(root, path)))

test("links between documents lead somewhere", () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)(#[^)]*)?\)/g)]
      .filter(([, target]) => !existsSync(join(root, dirname(page), target!)))
      .map(([link]) => `${page}: ${link}`)
  )
  assert.deepEqual(broken, [])
})

test("files and folders that the documents name are there", () => {
  const folders = "adapters|bench|cli|docs|formats|stages|tests"
  const lost = pages.filter((page) => page !== "CHANGELOG.md").flatMap((page) =>
    [...read(page).matchAll(new RegExp(`\`((?:${folders})/[\\w./-]*(?:\\.\\w+|/))\``, "g"))]
      .map(([, path]) => path!)
      .filter((path) => !existsSync(join(root, path)))
      .map((path) => `${page}: ${path}`)
  )
  assert.deepEqual(lost, [])
})

/** The cells of the table rows that begin with one of `first`. */
const rowsOf = (text: string, first: RegExp): ReadonlyArray<ReadonlyArray<string>> =>
  text.split("\n").filter((line) => line.startsWith("| ")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  )
    .filter(([cell]) => first.test(cell!))

test("the stages and kernels of the guide are exported", () => {
  const rows = rowsOf(read("docs/pipelines.md"), /^`(walk|chunk|hash|compress|encrypt|pack|catalog)`$/)
  assert.equal(rows.length, 7)
  const names = rows.flat().flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name!))
  assert.deepEqual(names.filter((name) => !(name in penstock)), [])
})

test("names that the library guide imports or mentions are exported", () => {
  const mentioned = ["accelerators", "host", "localStore", "memoryStore"]
  assert.deepEqual(mentioned.filter((name) => !(name in adapters)), [])
  for (const name of ["blake3Keyed", "memorySource", "sqliteWasm", "adaptive", "makeRozen"]) {
    assert.ok(name in penstock, name)
  }
})

test("the commands and options of the documents are those of the command", () => {
  const folder = "cli/arguments"
  const files = readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)
  const source = ["cli/penstock.ts", ...files].map(read).join("")
  const [, table] = /\n\| command \| \|\n([^]*?)\n\n/.exec(read("docs/command.md"))!
  const commands = rowsOf(table!, /^`[a-z]+`$/).map(([cell]) => cell!.slice(1, -1))
  const built = [...source.matchAll(/^ {6}(\w+)Command\(/gm)].map(([, name]) => name!)
  assert.deepEqual(commands.sort(), built.sort())
  const options = new Set([...source.matchAll(/"([a-z][a-z-]*)"/g)].map(([, name]) => name!))
  const named = [...read("docs/command.md").matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)].map(([, name]) => name!)
  // Options of the parser, and of npm.
  const others = ["help", "completions", "silent"]
  assert.deepEqual(named.filter((name) => !options.has(name) && !others.includes(name)), [])
  const made = [...source.matchAll(/\b(?:texts?|flag|formatFlag|Flag\.(?:String|Literals))\(\s*"([a-z][a-z-]+)"/g)].map(
    ([, name]) => name!,
  )
  assert.ok(made.length > 40)
  assert.deepEqual(made.filter((name) => !named.includes(name)), [])
})

test("every format is in the documents", () => {
  const [, section] = /\n## The five\n([^]*?)\n## /.exec(read("docs/formats.md"))!
  const listed = rowsOf(section!, /^\[`/).map(([cell]) => cell!.slice(2, cell!.indexOf("`", 2)))
  assert.deepEqual(listed, builtInFormats.map(({ name }) => name))
  const others = [...read("docs/threat-model.md").matchAll(/^### ([a-z-]+)$/gm)].map(([, name]) => name!)
  assert.deepEqual(others, listed.slice(1))
})

test("the options of formats in the documents are those that the formats have", () => {
  const rows = builtInFormats.flatMap((source) =>
    (source.options ?? []).map((choice) =>
      `| \`${formatOptionUsage(source, choice).replaceAll("|", "\\|")}\` | ${describeFormatOption(choice)} |`
    )
  )
  const [, table] = /\*\*Options of formats\.\*\*[^]*?\n\| --- \| --- \|\n([^]*?)\n\n/.exec(read("docs/command.md"))!
  assert.deepEqual(table!.split("\n"), rows)
})

test("the exit codes of the documents are those of the command", () => {
  const codes = Object.values(exit).filter((value) => typeof value === "number").map(String).sort()
  assert.deepEqual(rowsOf(read("docs/command.md"), /^\d+$/).map(([code]) => code!).sort(), codes)
})

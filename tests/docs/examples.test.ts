/**
 * Runs the examples of README.md and docs/*.md as they stand there, on the runtime under test, and type-checks them.
 *
 * Each block marked "ts run" is run. With `file=NAME`, it is only written, for later blocks to import. If the next
 * block of the page is marked "text", the example must print it. Imports of `@penstock/penstock` become those of the
 * checkout, by the exports of deno.json. Nothing else is changed.
 */
// On one runtime: the examples are of portable code and of adapters with contract suites of their own.
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { inCheckout, install, root, run, scriptArguments, typeCheck } from "./checkout.ts"

interface Example {
  /** Page and line. */
  readonly name: string
  readonly source: string
  /** The name of a file that other examples import. */
  readonly file: string | undefined
  readonly prints: string | undefined
}

const examplesOf = (page: string): ReadonlyArray<Example> => {
  const text = fs.readFileSync(join(root, page), "utf8")
  const blocks = [...text.matchAll(/^```([^\n`]*)\n([^]*?)^```$/gm)].map((match) => ({
    info: match[1]!.trim(),
    body: match[2]!,
    line: text.slice(0, match.index).split("\n").length,
  }))
  return blocks.flatMap(({ body, info, line }, i) => {
    const marked = /^ts run(?: file=([\w.-]+))?$/.exec(info)
    if (marked === null) return []
    const next = blocks[i + 1]
    const prints = next?.info === "text" ? next.body : undefined
    return [{ name: `${page}, line ${line}`, source: body, file: marked[1], prints }]
  })
}

const pages = [
  "README.md",
  ...fs.readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
]
let work = ""

/** Looks like the directory of a user who has installed the library. */
const project = (name: string): string => {
  const directory = join(work, name)
  fs.mkdirSync(join(directory, "photos/2026"), { recursive: true })
  install(directory)
  const raw = Uint8Array.from({ length: 3_000_000 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) ^ (i >>> 7))
  fs.writeFileSync(join(directory, "photos/2026/a.jpg"), "not really a picture")
  fs.writeFileSync(join(directory, "photos/2026/b.raw"), raw)
  fs.writeFileSync(join(directory, "photos/copy.raw"), raw)
  fs.writeFileSync(join(directory, "photos/left-over.tmp"), "")
  return directory
}

before(() => {
  work = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "penstock-examples-")))
})

after(() => fs.rmSync(work, { recursive: true, force: true }))

for (const page of pages) {
  let directory = ""
  for (const { file, name, prints, source } of examplesOf(page)) {
    test(`${name} ${file === undefined ? "runs" : `is ${file}`}`, () => {
      if (directory === "") directory = project(page.replaceAll("/", "-"))
      const script = file ?? `example-${name.replaceAll(/\W+/g, "-")}.ts`
      fs.writeFileSync(join(directory, script), inCheckout(source))
      if (file !== undefined) return
      const printed = run(process.execPath, [...scriptArguments, join(directory, script)], directory)
      if (prints !== undefined) assert.equal(printed, prints)
    })
  }
}

test("the examples type-check", () => {
  const directory = project("types")
  const files = pages.flatMap((page) =>
    examplesOf(page).map(({ file, source }, i) => {
      const path = file ?? `${page.replaceAll(/\W+/g, "-")}-${i}.ts`
      fs.writeFileSync(join(directory, path), inCheckout(source))
      return path
    })
  )
  typeCheck(directory, files)
})

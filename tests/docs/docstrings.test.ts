/**
 * The public face: each export has a docstring, each value a titled example, and all examples type-check and run, on
 * the runtime under test. `tests/docs/exports.json` pins the names: a change of it is a change of what users may rely
 * on.
 * `node tests/docs/pin_exports.ts` writes it anew.
 */
// On one runtime: the examples are of portable code and of adapters with contract suites of their own.
import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { entryPoints, inCheckout, install, root, run, scriptArguments, typeCheck } from "./checkout.ts"
import { exportsOf, pinned } from "./public_face.ts"

const face = Object.entries(entryPoints).map(([subpath, source]) => ({ subpath, exports: exportsOf(source) }))

const examples = face.flatMap(({ exports }) =>
  exports.flatMap(({ examples, name, place }) =>
    examples.map(({ source, title }) => ({ name, place: `${name} (${place})`, title, source }))
  )
).map(({ name, place, source, title }, i) => // The number tells files apart whose names differ only in capital letters.
({ file: `${name}_${i}.ts`, name: place, title, source }))

let directory = ""
before(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "penstock-docstrings-")))
  mkdirSync(directory, { recursive: true })
  install(directory)
  for (const { file, source } of examples) writeFileSync(join(directory, file), inCheckout(source))
})
after(() => rmSync(directory, { recursive: true, force: true }))

test("the exports are those that are pinned", () => {
  assert.deepEqual(JSON.parse(readFileSync(join(root, "tests/docs/exports.json"), "utf8")), pinned())
})

test("every export says what it is", () => {
  const silent = face.flatMap(({ exports }) => exports.filter(({ documented }) => !documented))
  assert.deepEqual(silent.map(({ name, place }) => `${name} (${place})`), [])
})

test("every value has an example", () => {
  const bare = face.flatMap(({ exports }) => exports.filter(({ examples, value }) => value && examples.length === 0))
  assert.deepEqual(bare.map(({ name, place }) => `${name} (${place})`), [])
})

test("every example has a title and code", () => {
  for (const { name, source, title } of examples) {
    assert.match(title, /^[A-Z`]/, `the example of ${name} has no title`)
    assert.notEqual(source, "", `the example of ${name}, "${title}", has no code marked ts`)
  }
})

test("every example runs", () => {
  const script = `
const failed = []
for (const [file, name] of ${JSON.stringify(examples.map(({ file, name }) => [file, name]))}) {
  try {
    await import(new URL(file, import.meta.url).href)
  } catch (error) {
    failed.push(name + ": " + (error?.stack ?? error))
  }
}
if (failed.length > 0) throw new Error(failed.join("\\n\\n"))
`
  writeFileSync(join(directory, "all.ts"), script)
  run(process.execPath, [...scriptArguments, join(directory, "all.ts")], directory)
})

test("the examples type-check", () => {
  if (examples.length > 0) typeCheck(directory, examples.map(({ file }) => file))
})

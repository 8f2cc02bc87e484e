/** The rules of the house: which folder may import what, what lies at the top level, and how tests skip. */
// On one runtime: it reads sources, and no code of the library runs.
import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { test } from "node:test"
import { importsOf, withoutComments } from "./imports.ts"

const root = resolve(import.meta.dirname, "..")

/** npm packages that run in a browser, so that stages and formats may use them. */
const portable = new Set([
  "@noble/ciphers",
  "@noble/curves",
  "@noble/hashes",
  "@noble/post-quantum",
  "@scure/base",
  "@sqlite.org/sqlite-wasm",
  "age-encryption",
  "blake3-wasm",
  "effect",
  "fzstd",
  "ignore",
])

/** What is loaded at every start. The index of a large package loads all of it, so its modules are named one by one. */
const loadedAtStart = ["stages", "formats", "adapters", "cli", "mod.ts", "backup.ts", "restore.ts"]

/** Everything that may lie at the top level; the second list is what tools leave there and git ignores. */
const topLevel = [
  ...[
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "adapters",
    "backup.ts",
    "bench",
    "cli",
  ],
  ...["deno.json", "docs", "formats", "mod.ts", "package-lock.json", "package.json", "restore.ts", "stages"],
  ...["tests", "tsconfig.json"],
]
const ignored = [".git", "node_modules", "dist", "tmp", ".DS_Store"]

const packageOf = (specifier: string): string =>
  specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")

/** Why a file at `path` (from the top level, with slashes) may not import `specifier`; nothing when it may. */
const importProblem = (path: string, specifier: string): string | undefined => {
  const layer = path.split("/")[0]!
  const isRelative = specifier.startsWith(".")
  const target = isRelative ? join(path, "..", specifier).replaceAll("\\", "/") : specifier
  const allow = (...folders: string[]): string | undefined =>
    folders.some((folder) => target === folder || (folder.endsWith("/") && target.startsWith(folder)))
      ? undefined
      : `may import only ${folders.join(", ")}`
  // Measurements need the same real servers.
  const servers = layer === "bench" && target.startsWith("tests/servers/")
  if (isRelative && target.startsWith("tests/") && layer !== "tests" && !servers) return "may not import tests"
  if (isRelative && !/\.(ts|json)$/.test(specifier)) return "must name the file with its .ts"
  if (specifier === "effect" && loadedAtStart.includes(layer)) return "should name the module: effect/Effect"
  if (/^(https?:|jsr:|npm:)/.test(specifier)) return "must use the bare name that package.json and deno.json map"
  if (layer === "stages" || layer === "formats") {
    if (specifier.startsWith("node:") || specifier.startsWith("bun")) return "is portable and may not import a runtime"
    if (!isRelative) return portable.has(packageOf(specifier)) ? undefined : "may import only portable npm packages"
    if (layer === "stages") return allow("stages/")
    // What formats have in common lies beside their folders; what puts formats together imports none of them.
    const between = /^formats\/(convert|copy|mod)\.ts$/
    const common = /^formats\/[^/]+\.ts$/.test(target) && (!between.test(target) || between.test(path))
    return common ? undefined : allow("stages/", ...path.match(/^formats\/[^/]+\//) ?? [])
  }
  if (layer === "adapters" && isRelative) return allow("stages/", "adapters/")
  return undefined
}

/** What a portable file says that only a runtime understands; nothing when it is clean. */
const runtimeProblem = (path: string, source: string): string | undefined => {
  if (!/^(stages|formats)\//.test(path)) return undefined
  const code = withoutComments(source)
  const global = /(?<![.\w"'\x60$])(process|Buffer|Deno|Bun|setImmediate|__dirname)\s*[.(]/.exec(code)?.[1]
  if (global !== undefined) return `is portable and may not use ${global}`
  return /\bimport\s*\(\s*(?!["'\s])/.test(code) ? "may not import a module whose name is computed" : undefined
}

const drawer = /(^|\/)(utils?|common|misc|helpers|shared|lib)(\/|\.ts$)/

const problemsOf = (path: string, source: string): string[] => [
  ...importsOf(source).flatMap((specifier) => {
    const problem = importProblem(path, specifier)
    return problem === undefined ? [] : [`${path} imports "${specifier}" but ${problem}`]
  }),
  ...[runtimeProblem(path, source)].flatMap((problem) => problem === undefined ? [] : [`${path} ${problem}`]),
  ...(drawer.test(path) ? [`${path} says nothing about what it holds: name the file after its one thing`] : []),
]

const sources = (): string[] =>
  readdirSync(root, { withFileTypes: true }).filter((entry) => !ignored.includes(entry.name)).flatMap((entry) => {
    if (!entry.isDirectory()) return entry.name.endsWith(".ts") ? [entry.name] : []
    return readdirSync(join(root, entry.name), { recursive: true, encoding: "utf8" })
      .map((path) => join(entry.name, path).replaceAll("\\", "/"))
      .filter((path) => path.endsWith(".ts"))
  })

test("every file imports only what its folder may import", () => {
  const all = sources()
  assert.ok(all.length > 10, `found only ${all.length} sources`)
  assert.deepEqual(all.flatMap((path) => problemsOf(path, readFileSync(join(root, path), "utf8"))), [])
})

/** The first circle of imports among sources, as the paths on it; undefined when there is none. */
const circleOf = (imports: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<string> | undefined => {
  const done = new Set<string>()
  const visit = (path: string, trail: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    const at = trail.indexOf(path)
    if (at >= 0) return trail.slice(at)
    if (done.has(path)) return undefined
    for (const next of imports.get(path) ?? []) {
      const circle = visit(next, [...trail, path])
      if (circle !== undefined) return circle
    }
    done.add(path)
    return undefined
  }
  for (const path of imports.keys()) {
    const circle = visit(path, [])
    if (circle !== undefined) return circle
  }
  return undefined
}

test("no file imports itself through others, not even for its types", () => {
  const imports = new Map(
    sources().map((path) => [
      path,
      // Workers are named by URL, not imported: what they run may name what starts them.
      importsOf(readFileSync(join(root, path), "utf8").replaceAll("new URL(", "url("))
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => join(dirname(path), specifier).replaceAll("\\", "/")),
    ]),
  )
  assert.equal(circleOf(imports), undefined)
  assert.deepEqual(circleOf(new Map([["a", ["b"]], ["b", ["c", "d"]], ["d", ["b"]]])), ["b", "d"])
})

test("the top level holds what the README says, and nothing else", () => {
  const found = readdirSync(root).filter((name) => !ignored.includes(name) && !name.endsWith(".tgz"))
  assert.deepEqual(found.filter((name) => !topLevel.includes(name)), [], "has no place at the top level")
  assert.deepEqual(topLevel.filter((name) => !found.includes(name)), [], "missing at the top level")
})

// Deno counts a test that calls `t.skip()` as passed: a skip is decided before the test, see tests/run.ts.
test("no test skips itself from inside", () => {
  const calls = sources().filter((path) => path.startsWith("tests/")).flatMap((path) =>
    withoutComments(readFileSync(join(root, path), "utf8")).split("\n")
      .flatMap((line, at) => /\b(t|ctx|context)\.skip\(/.test(line) ? [`${path}, line ${at + 1}: ${line.trim()}`] : [])
  )
  assert.deepEqual(calls, [])
})

test("bad imports are found, in every form", () => {
  const bad: ReadonlyArray<readonly [path: string, source: string]> = [
    ["stages/hash/a.ts", `import { createHash } from "node:crypto"`],
    ["stages/hash/a.ts", `import type { Hash } from "node:crypto"`],
    ["stages/hash/a.ts", `const c = await import("node:crypto")`],
    ["stages/hash/a.ts", `export const x: import("../../adapters/store/local.ts").Local = 1`],
    ["stages/hash/a.ts", `import {\n  a,\n  b,\n} from "../../adapters/store/local.ts"`],
    ["stages/hash/a.ts", `export * from "../../formats/rozen/mod.ts"`],
    ["stages/hash/a.ts", `import "../../cli/main.ts"`],
    ["stages/hash/a.ts", `import { a } from "@napi-rs/blake-hash"`],
    ["stages/hash/a.ts", `import { a } from "@effect/platform-node-shared/NodeFileSystem"`],
    ["stages/hash/a.ts", `import { a } from "effect/Effect"; import b from "bun:sqlite"`],
    ["stages/hash/a.ts", `import { Effect } from "effect"`],
    ["stages/hash/a.ts", `import { a } from "../b"`],
    ["stages/hash/a.ts", `import { a } from "npm:effect@4.1.0"`],
    ["stages/hash/a.ts", `new Worker(new URL("../../adapters/runtime/worker.ts", import.meta.url))`],
    ["stages/hash/a.ts", `const name = "node:fs"; await import(name)`],
    ["stages/hash/a.ts", `export const b = Buffer.from("x")`],
    ["stages/hash/a.ts", `const url = "https://a" /* b */; import { c } from "node:fs"`],
    ["formats/rozen/mod.ts", `import { a } from "../zprt/mod.ts"`],
    ["formats/rozen/mod.ts", `import { a } from "../../adapters/store/memory.ts"`],
    ["formats/format.ts", `import { a } from "./rozen/mod.ts"`],
    ["adapters/store/local.ts", `import { a } from "../../formats/format.ts"`],
    ["adapters/store/local.ts", `import { a } from "../../cli/output.ts"`],
    ["cli/main.ts", `import { a } from "../tests/skip.ts"`],
    ["bench/chunk.ts", `import { a } from "../tests/skip.ts"`],
    ["stages/utils/hex.ts", ``],
    ["cli/common.ts", ``],
  ]
  for (const [path, source] of bad) assert.equal(problemsOf(path, source).length, 1, `${path}: ${source}`)
})

test("good imports pass", () => {
  const good: ReadonlyArray<readonly [path: string, source: string]> = [
    [
      "stages/hash/a.ts",
      `import * as Effect from "effect/Effect"\nimport * as B from "../chunk/b.ts"\nimport type { C } from "./c.ts"`,
    ],
    ["stages/hash/a.ts", `import { sha256 } from "@noble/hashes/sha2.js"`],
    [
      "stages/hash/a.ts",
      `// import { a } from "node:fs"\n/** import { b } from "../../cli/main.ts" */\nexport const a = 1`,
    ],
    [
      "formats/rozen/mod.ts",
      `import { a } from "../format.ts"\nimport { b } from "./keys.ts"\nimport { c } from "../../stages/error.ts"`,
    ],
    [
      "adapters/store/local.ts",
      `import { open } from "node:fs/promises"\nimport { a } from "../../stages/pack/store.ts"`,
    ],
    [
      "cli/main.ts",
      `import { a } from "../adapters/store/local/local.ts"\nimport { b } from "../formats/rozen/mod.ts"`,
    ],
    ["tests/stages/a.test.ts", `import { a } from "../skip.ts"\nimport { b } from "../../stages/error.ts"`],
  ]
  for (const [path, source] of good) assert.deepEqual(problemsOf(path, source), [])
})

test("the checker reads this very file's imports", () => {
  const path = relative(root, join(import.meta.dirname, "layers.test.ts"))
  const found = importsOf(readFileSync(join(root, path), "utf8"))
  for (const name of ["node:assert/strict", "node:fs", "node:path", "node:test"]) assert.ok(found.includes(name), name)
})

/** What one runtime writes, each other restores, byte for byte. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { it } from "node:test"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { memoryDirectory } from "../../adapters/store/local/directory.ts"
import { skipIf } from "../../skip.ts"
import { noise } from "../../suites/noise.ts"

const script = fileURLToPath(import.meta.resolve("./child.ts"))
const binaries = join(import.meta.dirname!, "../../../node_modules/.bin")
const runtimes = ["node", "deno", "bun"] as const

const run = async (runtime: (typeof runtimes)[number], ...args: ReadonlyArray<string>): Promise<unknown> => {
  const own = runtime === "deno" ? ["run", "-A", "--no-check"] : []
  const child = spawn(join(binaries, runtime), [...own, script, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  let out = ""
  let errors = ""
  child.stdout.on("data", (part) => out += part)
  child.stderr.on("data", (part) => errors += part)
  const [code] = await once(child, "close")
  assert.equal(code, 0, `${runtime} ${args}: ${errors}`)
  return JSON.parse(out.slice(out.indexOf("{")))
}

const plant = (root: string): void => {
  mkdirSync(join(root, "d/empty"), { recursive: true })
  writeFileSync(join(root, "empty"), "")
  writeFileSync(join(root, "text"), "text ".repeat(100_000))
  writeFileSync(join(root, "large"), noise(5_000_000, 1), { mode: 0o640 })
  for (let i = 0; i < 200; i++) writeFileSync(join(root, `d/\u00e9 ${i}`), noise(i * 50, i))
  symlinkSync("../no where", join(root, "d/link"))
  for (const name of ["empty", "text", "large", "d/empty"]) utimesSync(join(root, name), 1_500_000_000, 1_500_000_000)
}

const list = (root: string): ReadonlyArray<readonly [string, string, number, Buffer | string]> =>
  readdirSync(root, { recursive: true, encoding: "utf8" }).sort().map((name) => {
    const path = join(root, name)
    const stat = lstatSync(path)
    return stat.isSymbolicLink()
      ? [name, "symlink", 0, readlinkSync(path)] as const
      : stat.isDirectory()
      ? [name, "directory", stat.mode, String(Math.trunc(stat.mtimeMs))] as const
      : [name, `file ${Math.trunc(stat.mtimeMs)}`, stat.mode, readFileSync(path)] as const
  })

it(
  ...skipIf(
    ("Deno" in globalThis || "Bun" in globalThis) && "Node's run tests all pairs of runtimes",
    "node, deno and bun restore what node, deno and bun wrote",
  ),
  () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const directory = yield* memoryDirectory
      const tree = join(directory, "tree")
      plant(tree)
      const expected = list(tree)
      yield* Effect.promise(async () => {
        for (const writer of runtimes) {
          const repository = join(directory, writer)
          const { problems } = await run(writer, "backup", repository, tree) as { problems: unknown }
          assert.deepEqual(problems, [])
        }
        for (const writer of runtimes) {
          for (const reader of runtimes) {
            const target = join(directory, `${writer} to ${reader}`)
            const { problems } = await run(reader, "restore", join(directory, writer), target) as { problems: unknown }
            assert.deepEqual(problems, [])
            assert.deepEqual(list(target), expected, `${writer} to ${reader}`)
          }
        }
        // And an incremental run of each upon what another one wrote.
        for (const [i, writer] of runtimes.entries()) {
          const next = runtimes[(i + 1) % 3]!
          const again = await run(next, "backup", join(directory, writer), tree) as { chunksNew: number }
          assert.equal(again.chunksNew, 0, `${next} cuts as ${writer} does`)
        }
      })
    }))),
)

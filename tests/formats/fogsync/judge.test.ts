/** An independent program over libgcrypt, `open_block.c`, decodes the envelopes that we wrote. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { gunzipSync } from "node:zlib"
import { Effect, Redacted, Stream } from "effect"
import { localStore } from "../../../adapters/store/local/local.ts"
import { makeFogsync } from "../../../formats/fogsync/mod.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { skipIf } from "../../skip.ts"
import { bytes, hex, options, walk } from "./harness.ts"

const directory = mkdtempSync(join(tmpdir(), "fogsync-judge-"))
after(() => rmSync(directory, { recursive: true, force: true }))

/** Builds the program. Gives the reason if it cannot be built. */
const build = (): string | false => {
  const source = join(import.meta.dirname, "open_block.c")
  const made = spawnSync("gcc", ["-O1", "-o", join(directory, "open_block"), source, "-lgcrypt"], { encoding: "utf8" })
  if (made.error !== undefined) return "there is no gcc"
  return made.status === 0 ? false : "gcc finds no libgcrypt (libgcrypt20-dev)"
}

/** The data at an address, as the program decodes it. */
const judged = (key: Uint8Array, bptr: string, blocks: string): Buffer => {
  const run = spawnSync(join(directory, "open_block"), [hex(key), bptr, blocks], { maxBuffer: 1 << 26 })
  assert.equal(run.status, 0, run.stderr.toString())
  const header = run.stderr.toString()
  assert.match(header, /^0000000[01]00000000$/)
  return header[7] === "1" ? gunzipSync(run.stdout) : run.stdout
}

for (const length of [32, 64]) {
  test(
    ...skipIf(build(), `libgcrypt opens all that is stored under a key of ${length} bytes`),
    () =>
      runFormat(Effect.gen(function* () {
        const key = noise(length, 5)
        const at = join(directory, `share-${length}`)
        const store = yield* localStore.make(at, { create: true })
        const files = {
          "empty": new Uint8Array(0),
          "large": noise(1_000_001, 1),
          "small": new TextEncoder().encode("hello\n"),
          "text": new TextEncoder().encode("some text ".repeat(50_000)),
        }
        const tree = Object.fromEntries(
          Object.entries(files).map(([name, content]) => [`d/${name}`, { content, mode: 0o755, mtime: 12n }]),
        )
        const share = yield* Effect.provideService(
          makeFogsync().create({ key: Redacted.make(key) }),
          ObjectStore,
          store,
        )
        const { snapshot } = yield* share.backup(walk(tree), options)
        const blocks = join(at, "blocks")
        const pointer = readFileSync(join(at, "roots", snapshot!.id))
        const root = JSON.parse(judged(key, hex(pointer), blocks).toString()) as Record<string, string>
        const top = JSON.parse(judged(key, root["directory"]!, blocks).toString()) as Array<Record<string, string>>
        assert.deepEqual(top.map(({ name, type }) => [name, type]), [["d", "directory"]])
        const entries = JSON.parse(judged(key, top[0]!["bptr"]!, blocks).toString()) as Array<Record<string, unknown>>
        assert.deepEqual(entries.map(({ name }) => name), Object.keys(files))
        for (const [i, [name, content]] of Object.entries(files).entries()) {
          const { bptr, exec, mtime, size } = entries[i]!
          assert.deepEqual([exec, mtime, size], [true, 12, content.length])
          if (content.length === 0) assert.equal(bptr, undefined)
          else assert.ok(judged(key, bptr as string, blocks).equals(content), name)
        }
        const all = yield* Stream.runCollect(store.list(""))
        assert.equal(all.filter(({ name }) => !/^(blocks\/..\/|roots\/|FOGSYNC$)/.test(name)).length, 0)
        assert.equal(bytes(root["share"]!).length, 16)
      })),
  )
}

/** A reader and writer in Python that was made from SPEC.md alone, and Penstock with other kernels. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { openStore } from "../../../adapters/store/open/open.ts"
import { makeBkp } from "../../../formats/bkp/mod.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { Kernels } from "../../../stages/kernel/kernel.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { pathFromBytes } from "../../../stages/walk/path.ts"
import { skipIf } from "../../skip.ts"
import { everything } from "../../suites/format/everything.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { names, options, smallOptions, walk } from "./harness.ts"

const script = join(import.meta.dirname!, "reader.py")
const python = (...args: ReadonlyArray<string>): string =>
  execFileSync("python3", args, { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] })
const without = (module: string): string | false => {
  try {
    python("-c", `import ${module}`)
    return false
  } catch {
    return module === "json" ? "python3 is not here" : `python3 has no ${module}`
  }
}

interface Listed {
  readonly node: string
  readonly time: number
  readonly entries: ReadonlyArray<Readonly<Record<string, string | number | null>>>
}

const inDirectory = async <A>(use: (directory: string) => Promise<A>): Promise<A> => {
  const directory = mkdtempSync(join(tmpdir(), "penstock-bkp-"))
  try {
    return await use(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

for (
  const [name, secrets, keys, needs] of [
    ["not encrypted", {}, "per-object", "json"],
    ["encrypted", { password: Redacted.make("pä ss") }, "per-object", "cryptography"],
    ["encrypted with one key", { password: Redacted.make("pä ss") }, "one", "cryptography"],
  ] as const
) {
  it(...skipIf(without(needs), `Python reads what is ${name}`), () =>
    inDirectory(async (directory) => {
      const tree = { ...everything(), "dir/many": { content: noise(100_000, 9), mode: 0o640, mtime: 5_000_000_000n } }
      const facts = await runFormat(Effect.gen(function* () {
        const store = yield* openStore(directory)
        const format = makeBkp({ ...smallOptions, keys })
        const create = Effect.provideService(format.create(secrets as Secrets), ObjectStore, store)
        const repository = yield* create
        yield* repository.backup(walk({ "dir/gone": { content: "gone" } }), { ...options, hostname: "Host" })
        const { snapshot } = yield* repository.backup(walk(tree), {
          ...options,
          hostname: "Host",
          time: 1_234_567_890_999,
        })
        return yield* factsOf(repository.entries(snapshot!))
      }))
      const lines = python(script, "read", directory, "pa\u0308 ss").trim().split("\n")
      const snapshots = lines.map((line) => JSON.parse(line) as Listed)
      assert.equal(snapshots.length, 2)
      assert.deepEqual([snapshots[0]!.node, snapshots[0]!.time], ["_48ost", 1_234_567_890])
      const read = new Map(snapshots[0]!.entries.map((entry) => {
        const path = pathFromBytes(Buffer.from(entry["path"] as string, "hex"))
        return [path, { ...entry, path }]
      }))
      assert.equal(read.size, facts.size)
      for (const [path, { content, kind, metadata, size, target }] of facts) {
        assert.deepEqual(read.get(path), {
          path,
          kind,
          mode: metadata.mode ?? null,
          mtime: metadata.mtime === undefined ? null : Number(metadata.mtime / 1_000_000_000n),
          ...(kind === "file" ? { size, content } : {}),
          ...(target === undefined ? {} : { target: Buffer.from(target).toString("hex") }),
        })
      }
    }))
}

for (const node of ["python", "LapTop.Local"]) {
  it(
    ...skipIf(without("json"), `what Python wrote after the document alone is read, and gone on with: heads/${node}`),
    () =>
      inDirectory(async (directory) => {
        python(script, "write", directory, node)
        for (const table of [{}, undefined]) {
          await runFormat(Effect.gen(function* () {
            const store = yield* openStore(directory)
            // With these options a repository with a config would put everything into packfiles.
            const format = makeBkp({ ...smallOptions, packBelow: 1 << 20 })
            const inStore = Effect.provideService(ObjectStore, store)
            assert.ok(yield* inStore(format.recognise))
            const open = inStore(format.open({}))
            const repository = yield* (table === undefined ? open : Effect.provideService(open, Kernels, table))
            const all = yield* repository.snapshots
            assert.deepEqual(all.slice(0, 2).map(({ hostname, time }) => [hostname, time]), [
              [node, 1_001_000],
              [node, 1_002_000],
            ])
            const facts = yield* factsOf(repository.entries(all[1]!))
            assert.deepEqual([...facts.keys()].length, 303)
            assert.equal(facts.get("link\udcff")!.target, "../\udcfe")
            assert.equal(facts.get("inner/f007")!.metadata.mtime, 100_000_000_000n)
            const expected = createHash("sha256").update("chunk 7\nchunk 592\n").digest("hex")
            assert.deepEqual([facts.get("inner/f007")!.size, facts.get("inner/f007")!.content], [18, expected])
            assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
            const rebuilt = yield* repository.rebuild
            assert.deepEqual([rebuilt.findings, rebuilt.snapshots], [[], []])
            const { snapshot } = yield* repository.backup(walk({ "new": { content: "chunk 7\n" } }), {
              ...options,
              hostname: node,
            })
            assert.equal(snapshot!.parent, all.at(-1)!.id)
            assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
          }))
        }
        for (const how of ["read", "document"]) {
          const snapshots = python(script, how, directory).trim().split("\n").map((line) => JSON.parse(line) as Listed)
          assert.deepEqual(snapshots.map((one) => one.node), Array(4).fill(node), how)
          assert.deepEqual(snapshots[0]!.entries.map(({ size }) => size), [undefined, 8])
        }
      }),
  )
}

it(
  ...skipIf(without("json"), "an object of another program is used again with the time of access that it has"),
  () =>
    inDirectory(async (directory) => {
      python(script, "write", directory)
      await runFormat(Effect.gen(function* () {
        const store = yield* openStore(directory)
        const repository = yield* Effect.provideService(makeBkp(smallOptions).open({}), ObjectStore, store)
        const [, before] = yield* repository.snapshots
        const metadata = yield* names(store, "metadata/")
        const entries = Stream.map(repository.entries(before!), (entry) => ({
          ...entry,
          metadata: { ...entry.metadata, ctime: 300_000_000_000n },
        }))
        const summary = yield* repository.backup(entries, { ...options, hostname: "python" })
        assert.equal(summary.filesUnchanged, 300)
        // The snapshot itself.
        assert.equal((yield* names(store, "metadata/")).length, metadata.length + 1)
      }))
    }),
)

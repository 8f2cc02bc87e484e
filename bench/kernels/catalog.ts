import * as Effect from "effect/Effect"
import { makeSqliteNative } from "../../adapters/catalog/sqlite_native.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { makeSqliteWasm } from "../../stages/catalog/sqlite/wasm.ts"
import { openTree } from "../../stages/catalog/tree/tree.ts"
import { encodeEntry } from "../../stages/catalog/tree/codec.ts"
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import { random } from "../random.ts"
import { spread } from "../spread.ts"
import type { Bench } from "./bench.ts"

const FILES_IN_DIRECTORY = 49

/** The entries of a tree in the order of a walk: directories of files with one chunk each. */
const entriesOf = (count: number): Array<StoredEntry> => {
  const from = random("catalog")
  const metadata = { mode: 0o100644, uid: 1000, gid: 1000, user: "user", group: "user" }
  return Array.from({ length: count }, (_, i) => {
    const directory = `folder-${String(Math.floor(i / (FILES_IN_DIRECTORY + 1))).padStart(6, "0")}`
    const mtime = 1_700_000_000_000_000_000n + BigInt(from.next()) * 1_000_003n
    const times = { mtime, ctime: mtime, inode: BigInt(i + 1), device: 1n }
    if (i % (FILES_IN_DIRECTORY + 1) === 0) {
      const of = { ...metadata, mode: 0o40755, ...times }
      return { path: directory, kind: "directory", metadata: of, size: 0, chunks: new Uint8Array(0) }
    }
    const chunks = from.fill(new Uint8Array(36))
    return {
      path: `${directory}/module-${String(i).padStart(8, "0")}.ts`,
      kind: "file",
      metadata: { ...metadata, ...times },
      size: new DataView(chunks.buffer).getUint32(32, true),
      chunks,
    }
  })
}

const shuffled = (entries: ReadonlyArray<StoredEntry>): Array<StoredEntry> => {
  const from = random("shuffle")
  const out = [...entries]
  for (let i = out.length - 1; i > 0; i--) {
    const other = from.int(i + 1)
    ;[out[i], out[other]] = [out[other]!, out[i]!]
  }
  return out
}

/** Times SQLite engines with the tree of a snapshot: a first backup, one with nothing changed, look-ups, a listing. */
export const catalog = async (bench: Bench): Promise<void> => {
  const entries = entriesOf(bench.effort?.entries ?? 1000)
  const anyOrder = shuffled(entries)
  const run = async (engine: SqliteEngine): Promise<{ listing: Uint8Array; seconds: ReadonlyMap<string, number> }> => {
    const seconds = new Map<string, number>()
    const timed = <A>(what: string, run: () => A): A => {
      const start = performance.now()
      const result = run()
      seconds.set(what, (performance.now() - start) / 1000)
      return result
    }
    return await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const tree = openTree(yield* engine.open())
      const put = (): void => {
        tree.begin()
        for (const entry of entries) tree.put(entry)
        tree.removeUnseen()
        tree.commit()
      }
      const find = (wanted: ReadonlyArray<StoredEntry>): void => {
        for (const { path } of wanted) if (tree.lookup(path) === undefined) throw new Error(`${path} is missing`)
      }
      timed("insert", put)
      timed("update, nothing changed", put)
      timed("look up in order", () => find(entries))
      timed("look up in any order", () => find(anyOrder))
      const listed = timed("list", () => [...tree.entries()])
      return { listing: Buffer.concat(listed.map(encodeEntry)), seconds }
    })))
  }

  const engines: Array<SqliteEngine> = [await Effect.runPromise(makeSqliteWasm)]
  const native = await Effect.runPromise(Effect.option(makeSqliteNative))
  if (native._tag === "Some") engines.push(native.value)
  else bench.absent("node:sqlite")

  const first = await Promise.all(engines.map(async (engine) => (await run(engine)).listing))
  bench.same("catalog", first)
  if (bench.effort === undefined) return
  const rates = new Map<string, Map<SqliteEngine, Array<number>>>()
  for (let round = -1; round < Math.min(bench.effort.rounds, 5); round++) {
    for (const engine of engines) {
      for (const [what, seconds] of (await run(engine)).seconds) {
        const of = rates.get(what) ?? new Map<SqliteEngine, Array<number>>()
        if (round >= 0) of.set(engine, [...of.get(engine) ?? [], entries.length / seconds / 1000])
        rates.set(what, of)
      }
    }
  }
  for (const [what, of] of rates) {
    for (const [engine, found] of of) {
      const implementation = engine.name.replace(/ [\d.]+$/, "")
      bench.speed({ panel: "catalog", what, implementation, size: null, unit: "1000 entries/s", rate: spread(found) })
    }
  }
}

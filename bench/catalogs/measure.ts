/** What a run adds to a store of catalogs, and what a command fetches of it. */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { makeSqliteNative } from "../../adapters/catalog/sqlite_native.ts"
import type { RandomAccess } from "../../stages/catalog/random_access.ts"
import { openSliced } from "../../stages/catalog/slices/read.ts"
import type { SliceLayout } from "../../stages/catalog/slices/slices.ts"
import { storeSliced } from "../../stages/catalog/slices/write.ts"
import { openTreeReader } from "../../stages/catalog/tree/on_demand.ts"
import type { Corpus } from "./corpus.ts"
import { type Layout, LAYOUTS } from "./layouts.ts"
import { BlockStore, type Fetched } from "./store.ts"

/** How many files change in a run. */
export const CHANGES = 20

/** The files of the catalogs of a first run and of `runs` more, one after another. */
export const catalogs = (
  corpus: Corpus,
  layout: Layout,
  pageBytes: number,
  runs: number,
  use: (file: Uint8Array, run: number) => Promise<void>,
): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const db = yield* (yield* makeSqliteNative).open()
    db.exec(`PRAGMA page_size = ${pageBytes}; VACUUM`)
    const laid = layout.make(db, corpus.entries)
    for (let run = 0; run <= runs; run++) {
      if (run > 0) laid.change(corpus.change(CHANGES))
      const file = concat(yield* Stream.runCollect(db.bytes(4 << 20)))
      yield* Effect.promise(() => use(file, run))
    }
  })))

/** What runs add, in bytes. */
export interface Added {
  readonly corpus: string
  readonly layout: string
  readonly pageBytes: number
  readonly sliceBytes: number
  readonly fanOut: number
  readonly topNames: number
  readonly nameBytes: number
  /** What the first run adds, and the mean of the others. */
  readonly first: number
  readonly run: number
}

const put = (store: BlockStore, file: Uint8Array, layout: SliceLayout) =>
  Effect.runPromise(storeSliced(Stream.succeed(file), file.length, layout, store.sink))

/** Measures what runs add with each of some layouts of slices. */
export const measureAdded = async (
  corpus: Corpus,
  layout: Layout,
  pageBytes: number,
  runs: number,
  slices: ReadonlyArray<SliceLayout>,
  blockBytes: number,
): Promise<ReadonlyArray<Added>> => {
  const stores = slices.map((one) => ({ one, store: new BlockStore(blockBytes, one.nameBytes), first: 0, rest: 0 }))
  await catalogs(corpus, layout, pageBytes, runs, async (file, run) => {
    for (const kept of stores) {
      await put(kept.store, file, kept.one)
      const added = kept.store.end()
      if (run === 0) kept.first = added
      else kept.rest += added
    }
  })
  return stores.map(({ first, one, rest }) => ({
    corpus: corpus.name,
    layout: layout.name,
    pageBytes,
    ...one,
    first,
    run: rest / runs,
  }))
}

/** What a command fetches: means, and the most of all that were tried. */
export interface Read {
  readonly corpus: string
  readonly pageBytes: number
  readonly blockBytes: number
  readonly wholeBytes: number
  /** How many runs were before. */
  readonly runs: number
  readonly command: string
  readonly requests: number
  readonly bytes: number
  readonly mostRequests: number
  readonly mostBytes: number
}

/** How many places of the tree each command is tried with. */
const TRIES = 20

/** Measures what commands fetch of the catalog after some of the runs. */
export const measureRead = async (
  corpus: Corpus,
  pageBytes: number,
  after: ReadonlyArray<number>,
  slices: SliceLayout,
  blockBytes: number,
  wholeBytes: ReadonlyArray<number>,
): Promise<ReadonlyArray<Read>> => {
  const store = new BlockStore(blockBytes, slices.nameBytes)
  const reads: Array<Read> = []
  await catalogs(corpus, LAYOUTS[0]!, pageBytes, Math.max(...after), async (bytes, run) => {
    const { file } = await put(store, bytes, slices)
    store.end()
    if (!after.includes(run)) return
    for (const whole of wholeBytes) {
      for (const [command, use] of Object.entries(COMMANDS)) {
        const costs: Array<Fetched> = []
        const files = corpus.entries.filter(({ kind }) => kind === "file")
        for (let i = 0; i < TRIES; i++) {
          const reader = store.reader(whole)
          const path = files[Math.floor((i + 0.5) / TRIES * files.length)]!.path
          await Effect.runPromise(use(Effect.orDie(openSliced(file, reader.fetch)), path))
          costs.push(reader.fetched)
        }
        const sum = (of: (cost: Fetched) => number): number => costs.reduce((total, cost) => total + of(cost), 0)
        reads.push({
          ...{ corpus: corpus.name, pageBytes, blockBytes, wholeBytes: whole, runs: run, command },
          requests: sum(({ requests }) => requests) / TRIES,
          bytes: sum((cost) => cost.bytes) / TRIES,
          mostRequests: Math.max(...costs.map(({ requests }) => requests)),
          mostBytes: Math.max(...costs.map((cost) => cost.bytes)),
        })
      }
    }
  })
  return reads
}

type Opening = Effect.Effect<RandomAccess<unknown>>

const above = (path: string, levels: number): string => path.split("/").slice(0, -levels).join("/")

/** What commands ask of a catalog. */
const COMMANDS: Readonly<Record<string, (open: Opening, path: string) => Effect.Effect<void>>> = {
  "dump FILE": (open, path) =>
    Effect.orDie(Effect.flatMap(Effect.flatMap(open, openTreeReader), (tree) => Effect.asVoid(tree.lookup(path)))),
  "ls DIR": (open, path) =>
    Effect.orDie(
      Effect.flatMap(
        Effect.flatMap(open, openTreeReader),
        (tree) => Stream.runDrain(tree.children(above(path, 1), { content: false })),
      ),
    ),
  "restore DIR/..": (open, path) =>
    Effect.orDie(
      Effect.flatMap(
        Effect.flatMap(open, openTreeReader),
        (tree) => Stream.runDrain(tree.entries({ under: above(path, 2) })),
      ),
    ),
}

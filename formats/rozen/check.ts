/** Verifies a repository. */
import { Effect } from "effect"
import { chunkCount, chunkId, chunkLength } from "../../stages/hash/chunk_list.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel.ts"
import { checkHeader } from "../../stages/pack/pack_layout.ts"
import { decodeFooter, type FooterBlock, footerLength } from "../../stages/pack/pack_file.ts"
import { type KnownPack, openPackStore, readFooter } from "../../stages/pack/pack_store.ts"
import { PackError } from "../../stages/pack/packing.ts"
import { ObjectStore } from "../../stages/pack/store.ts"
import type { CheckOptions, CheckSummary, FormatError } from "../format.ts"
import { CONFIG } from "./config.ts"
import { Damage, nameFiles } from "./damage.ts"
import { checkKeys } from "./keys.ts"
import { listLogs, readSegment, segmentName } from "./log.ts"
import type { Opened } from "./opened.ts"
import { listSnapshots } from "./snapshot.ts"

/**
 * Structure: every object but the packs is read and authenticated, of every pack the header and footer; every chunk of every file is
 * looked up. With `readData` that share of the packs, chosen at random, is read whole and each chunk verified against its ID.
 */
export const check: (opened: Opened, options: CheckOptions) => Effect.Effect<CheckSummary, FormatError> = (
  opened,
  options,
) => Effect.provideService(run(opened, options), ObjectStore, opened.store)

const run = Effect.fnUntraced(function* (opened: Opened, { progress, readData }: CheckOptions) {
  const { layout, store } = opened
  const damage = new Damage()
  yield* Effect.catchTag(
    Effect.asVoid(store.stat(CONFIG)),
    "StoreError",
    (error) =>
      error.reason === "not-found"
        ? Effect.sync(() => damage.add(CONFIG, `${CONFIG} is missing; "penstock rebuild" makes it again`))
        : Effect.fail(error),
  )
  for (const { message, object } of yield* checkKeys(store)) damage.add(object!, message)

  const data = yield* openPackStore(layout.data)
  const catalogs = yield* openPackStore(layout.catalogs)
  for (const known of [data, catalogs]) {
    for (const object of known.lost) damage.add(object, `${object} is missing`)
    for (const { message, object } of known.damaged) damage.add(object, message)
  }

  const packs = [
    ...data.packs.map((pack) => ({ pack, kind: "data" as const })),
    ...catalogs.packs.map((pack) => ({ pack, kind: "catalogs" as const })),
  ]
  let bytesRead = 0
  let chunks = 0
  for (const [done, { kind, pack }] of packs.entries()) {
    progress?.({ done, total: packs.length })
    const whole = readData >= 100 || Math.random() * 100 < readData
    const found = yield* whole ? readPack(opened, kind, pack) : readStructure(opened, kind, pack)
    bytesRead += whole ? pack.size : 0
    chunks += found.chunks
    if (found.problem === undefined) continue
    damage.add(pack.object, found.problem)
    for (const id of found.bad) damage.addChunk(id, pack.object)
  }
  progress?.({ done: packs.length, total: packs.length })

  const { damaged, snapshots } = yield* listSnapshots(store, layout)
  for (const { message, object } of damaged) damage.add(object!, message)
  const logs = yield* listLogs(store)
  for (const { record } of snapshots) {
    for (let n = 0; n < record.log.segments; n++) {
      const name = segmentName(record.id, n)
      if (logs.get(record.id)?.includes(name) !== true) {
        damage.add(name, `${name} is missing; "penstock rebuild" makes it again`)
      }
    }
  }
  for (const segments of logs.values()) {
    for (const name of segments) {
      yield* Effect.catchTag(
        Effect.asVoid(readSegment(store, layout, name)),
        "RepositoryError",
        (error) => Effect.sync(() => damage.add(name, error.message)),
      )
    }
  }
  yield* nameFiles(opened, snapshots, damage, (id) => data.index.get(id) !== undefined)
  const summary: CheckSummary = {
    snapshots: snapshots.length,
    packs: packs.length,
    chunks,
    bytesRead,
    findings: damage.findings,
  }
  return summary
})

/** What is wrong with one pack: the problem, and the chunks that cannot be had because of it. */
interface PackState {
  readonly chunks: number
  readonly problem?: string
  readonly bad: ReadonlyArray<Uint8Array>
}

const readStructure = Effect.fnUntraced(
  function* ({ layout, store }: Opened, kind: "data" | "catalogs", pack: KnownPack) {
    const cipher = makeKernel(layout[kind].packs.cipher, yield* Kernels)
    return yield* readFooter(layout[kind], store, cipher, pack).pipe(
      Effect.map(({ blocks }): PackState => ({
        chunks: blocks.reduce((n, block) => n + chunkCount(block.chunks), 0),
        bad: [],
      })),
      Effect.catchTag(
        "PackError",
        ({ message }) => Effect.succeed<PackState>({ chunks: 0, problem: message, bad: [] }),
      ),
    )
  },
)

const readPack = Effect.fnUntraced(function* ({ layout, store }: Opened, kind: "data" | "catalogs", pack: KnownPack) {
  const table = yield* Kernels
  const packs = layout[kind].packs
  const cipher = makeKernel(packs.cipher, table)
  const decrypt = makeKernel(layout.encrypt, table)
  const decompress = makeKernel(layout.compress, table)
  const hasher = makeKernel(layout.hash, table)
  const bytes = yield* store.get(pack.object)
  return yield* Effect.sync((): PackState => {
    let blocks: ReadonlyArray<FooterBlock>
    try {
      checkHeader(packs, pack.object, pack.id, bytes)
      const length = footerLength(pack.object, bytes.length, packs.headerBytes, bytes)
      const sealed = bytes.subarray(bytes.length - 12 - length, bytes.length - 12)
      blocks = decodeFooter(pack.object, bytes.length, bytes.subarray(0, packs.headerBytes), sealed, cipher)
    } catch (error) {
      if (!(error instanceof PackError)) throw error
      return { chunks: 0, problem: error.message, bad: [] }
    }
    const bad: Array<Uint8Array> = []
    let chunks = 0
    let offset = packs.headerBytes
    for (const block of blocks) {
      const plain = tryDecode(() =>
        decompress.decode(decrypt.open(bytes.subarray(offset, offset + block.length)), rawLength(block))
      )
      offset += block.length
      let from = 0
      for (let i = 0; i < chunkCount(block.chunks); i++, chunks++) {
        const id = chunkId(block.chunks, i)
        const to = from + chunkLength(block.chunks, i)
        if (
          plain === undefined || to > plain.length ||
          hasher.digest(plain.subarray(from, to)).some((byte, at) => byte !== id[at])
        ) bad.push(id)
        from = to
      }
    }
    return bad.length === 0 ? { chunks, bad } : {
      chunks,
      bad,
      problem: `${pack.object} is damaged or was altered: ${bad.length} of its ${chunks} chunks are lost`,
    }
  })
})

const rawLength = ({ chunks }: FooterBlock): number => {
  let total = 0
  for (let i = 0; i < chunkCount(chunks); i++) total += chunkLength(chunks, i)
  return total
}

const tryDecode = (run: () => Uint8Array): Uint8Array | undefined => {
  try {
    return run()
  } catch (error) {
    if (error instanceof KernelError) return undefined
    throw error
  }
}

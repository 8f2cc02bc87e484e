/**
 * A record with impossible values makes its snapshot unusable, and that snapshot is named. The others are listed and
 * restored, and new ones are made.
 */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { describe, it } from "node:test"
import { Effect, Redacted, type Scope } from "effect"
import { nativeKernels } from "../../adapters/kernels/native.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { encodeSnapshot, SNAPSHOT } from "../../formats/bkp/objects.ts"
import { commitRoot } from "../../formats/fogsync/snapshot.ts"
import type { Opened as OpenedShare } from "../../formats/fogsync/opened.ts"
import type { BackupOptions } from "../../formats/repository.ts"
import type { Format } from "../../formats/format.ts"
import type { FormatError } from "../../formats/error.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { openSecrets } from "../../formats/rozen/open_secrets.ts"
import { makeLayout } from "../../formats/rozen/layout.ts"
import { putSealed } from "../../formats/rozen/sealed.ts"
import {
  decodeRecord,
  encodeSnapshot as encodeRozen,
  listSnapshots,
  snapshotName,
  type SnapshotRecord,
} from "../../formats/rozen/snapshot.ts"
import { commitSnapshot as commitV0, listSnapshots as listV0 } from "../../formats/rozen/v0/snapshot.ts"
import { openCatalog } from "../../formats/rozen/v0/snapshot.ts"
import { makeLayout as makeLayoutV0 } from "../../formats/rozen/v0/layout.ts"
import type { Opened as OpenedV0 } from "../../formats/rozen/v0/opened.ts"
import { catalogName } from "../../formats/snapshot_catalog/layout.ts"
import { SqliteEngine, type SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { makeKernel } from "../../stages/kernel/kernel.ts"
import { gzip } from "../../stages/compress/gzip.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import { factsOf } from "../suites/format/facts.ts"
import { runFormat } from "../suites/format/environment.ts"
import { openIn, options, type Subject } from "../suites/format/subject.ts"
import * as bkp from "./bkp/harness.ts"
import { subject as bkpSubject } from "./bkp/subject.ts"
import { keysFrom } from "./fogsync/harness.ts"
import { subject as fogsyncSubject } from "./fogsync/subject.ts"
import { secrets as rozenSecrets, small } from "./rozen/harness.ts"
import { subject as v0Subject } from "./rozen/v0/subject.ts"
import { alterDatabase } from "./snapshot_catalog/harness.ts"
import { subject as catalogSubject } from "./snapshot_catalog/subject.ts"

type Forging = Effect.Effect<unknown, FormatError | SqliteError | StoreError, SqliteEngine | Scope.Scope | ObjectStore>

/** What is said of a snapshot, as nobody would say it. */
interface Absurd {
  readonly what: string
  readonly change: Readonly<Record<string, unknown>>
}
const numbers: ReadonlyArray<Absurd> = [
  { what: "a time beyond all dates", change: { time: 1e300 } },
  { what: "a time just beyond all dates", change: { time: 8.64e15 + 1 } },
  { what: "a time before all dates", change: { time: -8.7e15 } },
]
const counts: ReadonlyArray<Absurd> = [
  { what: "a count that is no safe integer", change: { files: 2 ** 60 } },
  { what: "a negative count", change: { bytes: -1 } },
]
const texts: ReadonlyArray<Absurd> = [
  { what: "a host of megabytes", change: { hostname: "h".repeat(2 << 20) } },
  { what: "a tag of megabytes", change: { tags: ["t".repeat(2 << 20)] } },
  { what: "a path of megabytes", change: { paths: ["/" + "p".repeat(2 << 20)] } },
]
const types: ReadonlyArray<Absurd> = [
  { what: "a fraction for a count", change: { directories: 0.5 } },
  { what: "nothing for a number", change: { bytes: null } },
  { what: "a text for a time", change: { time: "yesterday" } },
  { what: "a number for paths", change: { paths: [1] } },
  { what: "an ID that is none", change: { id: "\u001b[2J" } },
  { what: "a parent that is none", change: { parent: "../x" } },
  { what: "an original that is none", change: { original: "" } },
]

/** How a format's records are forged: `forge` puts one more beside, or in the place of, the last snapshot. */
interface Forge {
  readonly subject: Subject
  readonly absurd: ReadonlyArray<Absurd>
  readonly forge: (change: Absurd["change"], last: string) => Forging
}

const rozen: Subject = {
  name: "rozen",
  format: small,
  secrets: rozenSecrets,
  module: import.meta.url,
  snapshots: true,
  directories: true,
}
const changed = <A extends object>(record: A, change: Absurd["change"]): A => ({
  ...record,
  id: createHash("sha256").update(JSON.stringify(change)).digest("hex"),
  ...change,
})
const unlocked = (secrets: Secrets) =>
  Effect.gen(function* () {
    const store = yield* ObjectStore
    return { store, ...(yield* openSecrets(store, secrets, undefined)) }
  })

const forges: ReadonlyArray<Forge> = [
  {
    subject: rozen,
    absurd: [...numbers, ...counts, ...texts, ...types],
    forge: (change) =>
      Effect.gen(function* () {
        const { keyring, store } = yield* unlocked(rozenSecrets)
        const layout = makeLayout(keyring)
        const { next, snapshots } = yield* listSnapshots(store, layout)
        const { catalog, record } = snapshots.at(-1)!
        const forged = changed(record, change) as SnapshotRecord
        const name = snapshotName(next, /^[0-9a-f]{64}$/.test(forged.id) ? forged.id : "0".repeat(64))
        yield* putSealed(store, layout, layout.snapshots, name, encodeRozen(forged, catalog))
      }),
  },
  {
    subject: v0Subject,
    absurd: [...numbers, ...counts, ...texts, ...types],
    forge: (change) =>
      Effect.gen(function* () {
        const { keyring: { id }, secrets, store } = yield* unlocked(v0Subject.secrets)
        const layout = makeLayoutV0(id, secrets!.masters[0]!, nativeKernels, {})
        const opened = { id, store, engine: yield* SqliteEngine, layout } as unknown as OpenedV0
        const { next, snapshots } = yield* listV0(opened)
        const { db } = yield* openCatalog(opened, snapshots.at(-1)!)
        yield* commitV0(opened, next, changed(snapshots.at(-1)!.record, change) as SnapshotRecord, db)
      }),
  },
  {
    subject: bkpSubject,
    absurd: numbers.filter(({ change }) => (change["time"] as number) > 0),
    forge: ({ time }, last) =>
      Effect.gen(function* () {
        const store = yield* ObjectStore
        const createTime = BigInt(Math.min(time as number, 2 ** 63)) / 1000n + 1n
        const parent = new Uint8Array(Buffer.from(last, "hex"))
        const object = encodeSnapshot({ type: SNAPSHOT, createTime, root: new Uint8Array(32), parent })
        const id = new Uint8Array(createHash("sha256").update(object).digest())
        const hex = Buffer.from(id).toString("hex")
        yield* store.put(`metadata/${hex.slice(0, 2)}/${hex}`, [object])
        yield* store.put("heads/host", [id], { replace: true })
      }),
  },
  {
    subject: fogsyncSubject,
    absurd: [...numbers, ...counts, ...texts],
    forge: (change) =>
      Effect.gen(function* () {
        const opened = {
          store: yield* ObjectStore,
          keys: keysFrom(Redacted.value(fogsyncSubject.secrets.key!)),
          gzip: makeKernel(gzip(), nativeKernels),
        } as unknown as OpenedShare
        const info = { time: 1, hostname: "", username: "", paths: [], tags: [], files: 0, directories: 0, bytes: 0 }
        // It is stored; reading it back then fails.
        yield* Effect.exit(commitRoot(opened, { info: { ...info, ...change }, listing: "json", started: 1 }))
      }),
  },
  {
    subject: catalogSubject,
    absurd: [...numbers, ...texts],
    forge: (change, last) =>
      Effect.gen(function* () {
        const store = yield* ObjectStore
        const [[name, value]] = Object.entries(change) as [[string, unknown]]
        const key = { time: "created", hostname: "machine_hostname", tags: "extra.tags", paths: "extra.paths" }[name]
        const json = JSON.stringify(value).replaceAll("'", "''")
        yield* alterDatabase(store, catalogName(last), `UPDATE metadata SET value = '${json}' WHERE key = '${key}'`)
        // The index says what it said before: it is asked first, and so has to go.
        yield* store.remove("catalog.idx")
      }),
  },
]

const backup: BackupOptions = { ...options, time: 1_700_000_000_000 }

for (const { absurd, forge, subject } of forges) {
  describe(`a record of ${subject.name} that is absurd`, () => {
    for (const { change, what } of absurd) {
      it(what, () =>
        runFormat(Effect.gen(function* () {
          const store = yield* memoryStore.make()
          const inStore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, ObjectStore, store)
          const tree = { "a": { content: "content", mtime: 1n } }
          const made = yield* inStore((subject.format as Format).create(subject.secrets))
          const first = (yield* made.backup(bkp.walk(tree), backup)).snapshot!
          const second = (yield* made.backup(bkp.walk(tree), { ...backup, time: backup.time! + 5000 })).snapshot!
          yield* inStore(forge(change, second.id))
          const repository = yield* openIn(subject, store)
          const listed = yield* repository.snapshots
          assert.ok(listed.some(({ id }) => id === first.id))
          for (const { time } of listed) new Date(time).toISOString()
          assert.ok([1, 2].includes(listed.length), String(listed.length))
          assert.equal((yield* factsOf(repository.entries(first))).get("a")?.size, 7)
          const { findings } = yield* repository.check({ readData: 0 })
          assert.ok(findings.length > 0, "check names it")
          assert.ok(findings.every(({ message, object }) => object.length > 0 && message.length < 1000))
          const third = yield* repository.backup(bkp.walk(tree), { ...backup, time: backup.time! + 10_000 })
          assert.equal(third.files, 1)
        })))
    }
  })
}

describe("a snapshot that could not be listed again", () => {
  for (const { subject } of forges) {
    it(`is not made: ${subject.name}`, () =>
      runFormat(Effect.gen(function* () {
        const store = yield* memoryStore.make()
        const made = yield* Effect.provideService(subject.format.create(subject.secrets), ObjectStore, store)
        const bad: ReadonlyArray<Partial<BackupOptions>> = [
          ...[NaN, 1e300, 1.5, Infinity].map((time) => ({ time })),
          { hostname: "h".repeat(2 << 20) },
          { tags: ["t".repeat(5000)] },
          { paths: Array.from({ length: 100 }, () => "p".repeat(60_000)) },
        ]
        for (const one of bad) {
          const error = yield* Effect.flip(made.backup(bkp.walk({}), { ...options, ...one }))
          assert.match(error.message, /^Cannot make a snapshot that /)
        }
        assert.deepEqual(yield* made.snapshots, [])
      })))
  }
})

it("a record with the largest values that are allowed is accepted", () => {
  const record: SnapshotRecord = {
    id: "ab".repeat(32),
    time: 8.64e15,
    started: 0,
    hostname: "\u202eevil\u0085",
    username: "",
    paths: ["/\udc80"],
    tags: [],
    files: Number.MAX_SAFE_INTEGER,
    directories: 0,
    bytes: 0,
    log: { segments: 0, full: true, changes: 0 },
  }
  assert.deepEqual(decodeRecord("x", new TextEncoder().encode(JSON.stringify(record))), record)
})

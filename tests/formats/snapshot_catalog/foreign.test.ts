/** Catalogs of other programs: later forms, other orders, other ways to write a value. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { describe, it } from "node:test"
import { zstdCompressSync } from "node:zlib"
import { Effect, Stream } from "effect"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { encodeMap } from "../../../formats/snapshot_catalog/blob_map.ts"
import { blobs, catalogName, extents } from "../../../formats/snapshot_catalog/names.ts"
import type { SqliteValue } from "../../../stages/catalog/sqlite.ts"
import { blake3 } from "../../../stages/hash/blake3.ts"
import { makeKernel } from "../../../stages/kernel.ts"
import type { ObjectStore } from "../../../stages/pack/store.ts"
import { factsOf } from "../../suites/format.ts"
import { database, hex, inRepository, names, options, text } from "./harness.ts"

const hasher = makeKernel(blake3, nativeKernels)
const ID = "10b66bbfeb4e4a3bbe02986ff6c5e28f"

/** The document's tables and nothing more: other types, no indexes, rows with IDs of their own. */
const SCHEMA = `
CREATE TABLE metadata (key text PRIMARY KEY, value jsonb);
CREATE TABLE extents (extent_id blob PRIMARY KEY, bytes integer, fs_object_id integer, fs_checksum_type integer, fs_checksum blob);
CREATE TABLE blob_extents (blob_id blob, extent_id blob, "offset" integer, bytes integer);
CREATE TABLE blobs (blob_id blob PRIMARY KEY, bytes integer, extents integer);
CREATE TABLE files (
  file_id integer PRIMARY KEY AUTOINCREMENT, path blob, blob_id blob, ts_created date, ts_changed date,
  ts_modified date, ts_accessed date, attributes jsonb, unix_mode integer, unix_owner_id integer, unix_owner_name text,
  unix_group_id integer, unix_group_name text, special jsonb, fs_inode integer, extra jsonb
);
`

type Inserts = Array<readonly [sql: string, values: ReadonlyArray<SqliteValue>]>
const META = "INSERT INTO metadata VALUES (?, ?)"
const FILE = "INSERT INTO files (path, blob_id, ts_modified, unix_mode, special) VALUES (?, ?, ?, ?, ?)"

/** A content of several extents, each after so many zeros, and zeros behind the last. */
interface Content {
  readonly parts: ReadonlyArray<readonly [zeros: number, bytes: Uint8Array]>
  readonly tail: number
}

const whole = ({ parts, tail }: Content): Uint8Array =>
  new Uint8Array(
    Buffer.concat([...parts.flatMap(([zeros, bytes]) => [new Uint8Array(zeros), bytes]), new Uint8Array(tail)]),
  )

/** Puts extents and map; the rows of the blob. */
const putBlob = Effect.fnUntraced(function* (store: ObjectStore, content: Content, rows: Inserts) {
  const bytes = whole(content)
  const blob = hasher.digest(bytes)
  let at = 0
  const entries = []
  for (const [zeros, part] of content.parts) {
    at += zeros
    const id = hasher.digest(part)
    yield* store.put(extents.nameOf(id), [part], { replace: true })
    rows.push(["INSERT OR IGNORE INTO extents (extent_id, bytes) VALUES (?, ?)", [id, part.length]])
    rows.push(["INSERT INTO blob_extents VALUES (?, ?, ?, ?)", [blob, id, at, part.length]])
    entries.push({ offset: at, length: part.length, id })
    at += part.length
  }
  rows.push(["INSERT INTO blobs VALUES (?, ?, ?)", [blob, bytes.length, entries.length]])
  yield* store.put(blobs.nameOf(blob), [encodeMap({ total: bytes.length, entries })], { replace: true })
  return blob
})

const metadata = (rows: Inserts): void => {
  for (
    const [key, value] of Object.entries({
      protocol: "1",
      id: JSON.stringify("10B66BBF-EB4E-4A3B-BE02-986FF6C5E28F"),
      machine: JSON.stringify("ab".repeat(16)),
      tree: JSON.stringify("cd".repeat(32)),
      created: JSON.stringify("2024-02-29T12:00:00.250+02:00"),
      machine_hostname: JSON.stringify("elsewhere"),
      source_path: JSON.stringify("/srv"),
      name: JSON.stringify("a name"),
    })
  ) rows.push([META, [key, value]])
}

const contents = {
  plain: { parts: [[0, text("one ")], [0, text("two")]], tail: 0 },
  holes: { parts: [[3000, text("island")], [2_000_000, text("second")]], tail: 5 },
  "only a hole": { parts: [], tail: 100 },
} satisfies Record<string, Content>

const write = Effect.fnUntraced(function* (store: ObjectStore, wrap: (bytes: Uint8Array) => Uint8Array) {
  const rows: Inserts = []
  metadata(rows)
  // In no order that a walk has.
  const [plain, holes, hole] = yield* Effect.forEach(
    Object.values(contents),
    (content) => putBlob(store, content, rows),
  )
  rows.push([FILE, [text("d/z"), plain!, "2001-02-03T04:05:06.123456789Z", 0o100640, null]])
  rows.push([FILE, [text("d/holes"), holes!, 981_173_106_123, 0o100644, null]])
  rows.push([FILE, [text("d.txt"), hole!, null, null, null]])
  rows.push([FILE, [text("d"), null, null, 0o40755, `{"type":"directory"}`]])
  rows.push([FILE, [text("d/b"), null, null, null, `{"type":"symlink","target":"../é"}`]])
  rows.push([FILE, [text("d/hard"), null, null, null, `{"type":"hardlink","target":"d/z"}`]])
  rows.push([FILE, [text("weird"), null, null, null, `{"type":"teapot"}`]])
  rows.push([`UPDATE files SET special = jsonb(special) WHERE path = CAST('d' AS BLOB)`, []])
  rows.push([`UPDATE metadata SET value = jsonb(value) WHERE key = 'source_path'`, []])
  const bytes = wrap(yield* database(SCHEMA, undefined, rows))
  yield* store.put(catalogName(ID), [bytes])
})

const zstd = (bytes: Uint8Array): Uint8Array => new Uint8Array(zstdCompressSync(bytes))

for (const [how, wrap] of [["plain", (bytes: Uint8Array) => bytes], ["wrapped in zstd", zstd]] as const) {
  describe(`a catalog that another program wrote, ${how}`, () => {
    it("is listed, read, checked, and rebuilt into an index", () =>
      inRepository((repository, store) =>
        Effect.gen(function* () {
          yield* write(store, wrap)
          const [info] = yield* repository.snapshots
          assert.deepEqual(info, {
            id: ID,
            time: Date.parse("2024-02-29T10:00:00.250Z"),
            hostname: "elsewhere",
            username: "",
            paths: ["/srv"],
            tags: [],
            files: 3,
            directories: 1,
            bytes: Object.values(contents).reduce((sum, content) => sum + whole(content).length, 0),
          })
          const problems: Array<string> = []
          const facts = yield* factsOf(
            repository.entries(info!, { problem: ({ message, path }) => problems.push(`${path}: ${message}`) }),
          )
          assert.deepEqual(problems, [`weird: It is of the kind "teapot", which is not known here`])
          // Depth-first: "d.txt" sorts between "d" and what is in it, byte by byte.
          assert.deepEqual([...facts.keys()], ["d", "d/b", "d/hard", "d/holes", "d/z", "d.txt"])
          const digest = (content: Content) => createHash("sha256").update(whole(content)).digest("hex")
          assert.equal(facts.get("d/z")!.content, digest(contents.plain))
          assert.equal(facts.get("d/hard")!.content, digest(contents.plain))
          assert.equal(facts.get("d/hard")!.linkTo, "d/z")
          assert.equal(facts.get("d/holes")!.content, digest(contents.holes))
          assert.equal(facts.get("d.txt")!.content, digest(contents["only a hole"]))
          assert.equal(facts.get("d/b")!.target, "../é")
          assert.equal(facts.get("d/z")!.metadata.mtime, 981_173_106_123_456_789n)
          assert.equal(facts.get("d/holes")!.metadata.mtime, 981_173_106_123_000_000n)
          assert.equal(facts.get("d/z")!.metadata.mode, 0o640)

          const { findings } = yield* repository.check({ readData: 100 })
          assert.deepEqual(findings.map(({ object }) => object), [catalogName(ID)], JSON.stringify(findings))
          assert.match(findings[0]!.message, /tree hash/)
          yield* repository.rebuild
          assert.equal((yield* repository.snapshots)[0]!.bytes, info!.bytes)
        })
      ))

    it("is the parent of a snapshot: its unchanged files are not read, but for those with holes", () =>
      inRepository((repository, store) =>
        Effect.gen(function* () {
          yield* write(store, wrap)
          const untouchable = { open: () => assert.fail("An unchanged file was opened") }
          const entry = (path: string, size: number, mtime: bigint, content: typeof untouchable | Uint8Array) =>
            ({ path, kind: "file", metadata: { mtime }, size, content }) as const
          const summary = yield* repository.backup(
            Stream.fromIterable([
              entry("d/holes", whole(contents.holes).length, 981_173_106_123_000_000n, whole(contents.holes)),
              entry("d/z", 7, 981_173_106_123_456_789n, untouchable),
            ]),
            { ...options, parent: ID },
          )
          assert.equal(summary.filesUnchanged, 1)
          const facts = yield* factsOf(repository.entries(summary.snapshot!))
          assert.ok([...facts.values()].every(({ damage }) => damage === undefined))
          const maps = yield* names(store, "blobs/")
          assert.ok(maps.includes(blobs.nameOf(hasher.digest(whole(contents.plain)))))
          assert.equal(hex(hasher.digest(text("one two"))), hex(hasher.digest(whole(contents.plain))))
        })
      ))
  })
}

/** Anybody may alter the store: every reader ends, with a typed error or with the right content. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { zstdCompressSync } from "node:zlib"
import { Effect, Stream } from "effect"
import fc from "fast-check"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { Repository, SnapshotInfo } from "../../../formats/repository.ts"
import { RepositoryError } from "../../../formats/error.ts"
import { decodeMap, encodeMap } from "../../../formats/snapshot_catalog/blob_map.ts"
import { makeSnapshotCatalog } from "../../../formats/snapshot_catalog/mod.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { alterDatabase, catalogOf, inRepository, made, options, small, walk } from "./harness.ts"

const tree = {
  "large": { content: noise(60_000, 1), mtime: 1n },
  "d/link": { symlink: "x" },
  ...Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`d/${i}`, { content: `content ${i}`, mtime: 5n }])),
}

/** A catalog of {@link tree}, its name, and the other objects. */
const sample = runFormat(Effect.gen(function* () {
  const store = yield* memoryStore.make()
  return yield* Effect.gen(function* () {
    const repository = yield* makeSnapshotCatalog(small).create({})
    const summary = yield* repository.backup(walk(tree), options)
    const object = catalogOf(summary)
    return {
      object,
      info: made(summary),
      catalog: yield* store.get(object, { atMost: Infinity }),
      index: yield* store.get("catalog.idx", { atMost: Infinity }),
      store,
    }
  }).pipe(Effect.provideService(ObjectStore, store))
}))

/** Reads a catalog in all ways. Anything but a typed error fails the test. */
const exercise = (repository: Repository, info: SnapshotInfo) =>
  Effect.gen(function* () {
    const typed = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.catch(effect, (error) =>
        Effect.sync(() => {
          assert.ok(error instanceof RepositoryError, String(error))
          assert.ok(["corrupt", "newer", "unknown-snapshot"].includes(error.reason), error.message)
        }))
    yield* typed(repository.snapshots)
    yield* typed(Effect.asVoid(factsOfAny(repository, info)))
    yield* typed(repository.check({ readData: 0 }))
    yield* typed(repository.backup(walk({ "large": tree.large }), { ...options, dryRun: true }))
  })

/** Reads everything. A path may occur twice. */
const factsOfAny = (repository: Repository, info: SnapshotInfo) =>
  Stream.runForEach(
    repository.entries(info),
    ({ content }) =>
      content !== undefined && Stream.isStream(content)
        ? Effect.ignore(Stream.runDrain(Stream.take(content as Stream.Stream<Uint8Array>, 64)))
        : Effect.void,
  )

const withObject = (name: string, bytes: Uint8Array) =>
  Effect.gen(function* () {
    const { info, store } = yield* Effect.promise(() => sample)
    const altered: ObjectStore = {
      ...store,
      get: (asked, range) =>
        asked !== name
          ? store.get(asked, range)
          : "atMost" in range
          ? Effect.succeed(bytes.slice())
          : Effect.succeed(bytes.slice(range.offset, range.offset + range.length)),
      stat: (asked) => asked !== name ? store.stat(asked) : Effect.succeed({ name, size: bytes.length }),
      put: () => Effect.void,
    }
    yield* Effect.flatMap(makeSnapshotCatalog(small).open({}), (repository) => exercise(repository, info)).pipe(
      Effect.provideService(ObjectStore, altered),
    )
  })

/** Changes some bytes, and maybe cuts the end off or exchanges two pages. */
const alterations = fc.record({
  flips: fc.array(
    fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.integer({ min: 1, max: 255 })),
    {
      minLength: 1,
      maxLength: 12,
    },
  ),
  pages: fc.option(fc.tuple(fc.nat(1000), fc.nat(1000))),
  cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 8 }),
})

const altered = (
  bytes: Uint8Array,
  { cut, flips, pages }: typeof alterations extends fc.Arbitrary<infer A> ? A : never,
) => {
  const out = bytes.slice()
  for (const [at, by] of flips) out[Math.floor(at * out.length)]! ^= by
  if (pages !== null) {
    const count = out.length / 4096
    const [from, to] = pages
    out.copyWithin((to % count) * 4096, (from % count) * 4096, (from % count + 1) * 4096)
  }
  return cut === null ? out : out.subarray(0, Math.floor(cut * out.length))
}

describe("altered objects", () => {
  const map = encodeMap({
    total: 30,
    entries: [0, 10, 25].map((offset, i) => ({
      offset,
      length: [10, 15, 5][i]!,
      id: new Uint8Array(32).fill(i + 1),
    })),
  })

  const decodes = (bytes: Uint8Array): void => {
    try {
      const { entries, total } = decodeMap("blobs/x", bytes)
      let end = 0
      for (const { id, length, offset } of entries) {
        assert.ok(offset >= end && length > 0 && id.length === 32)
        end = offset + length
      }
      assert.ok(end <= total)
    } catch (error) {
      assert.ok(error instanceof RepositoryError && (error.reason === "corrupt" || error.reason === "newer"))
      assert.equal(error.object, "blobs/x")
    }
  }

  it("maps of blobs: cut, longer, every bit flipped, every byte sequence", () => {
    for (let length = 0; length < map.length; length++) {
      assert.throws(() => decodeMap("blobs/x", map.subarray(0, length)), RepositoryError)
    }
    assert.throws(() => decodeMap("blobs/x", new Uint8Array([...map, 0])), RepositoryError)
    for (let bit = 0; bit < map.length * 8; bit++) {
      const bytes = map.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      decodes(bytes)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodes))
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 200 }),
        (rest) => decodes(new Uint8Array([1, 32, ...rest])),
      ),
    )
    // A count that gives the right length of the object modulo 2^64.
    const huge = map.slice()
    new DataView(huge.buffer).setBigUint64(10, 3n + 2n ** 61n, true)
    assert.throws(() => decodeMap("blobs/x", huge), /claims/)
    assert.throws(() => decodeMap("blobs/x", map.with(0, 2)), (error: RepositoryError) => error.reason === "newer")
  })

  it("catalogs: bytes changed, pages exchanged, cut", { timeout: 120_000 }, async () => {
    const { catalog, object } = await sample
    await fc.assert(
      fc.asyncProperty(alterations, (how) => runFormat(withObject(object, altered(catalog, how)))),
      { numRuns: 60 },
    )
    // Every byte of the schema matters.
    await fc.assert(
      fc.asyncProperty(
        fc.nat(4095),
        fc.integer({ min: 1, max: 255 }),
        (at, by) => runFormat(withObject(object, catalog.with(at, catalog[at]! ^ by))),
      ),
      { numRuns: 40 },
    )
  })

  it("catalogs wrapped in zstd", { timeout: 120_000 }, async () => {
    const { catalog, object } = await sample
    const wrapped = new Uint8Array(zstdCompressSync(catalog))
    await runFormat(withObject(object, wrapped))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(wrapped.length - 1),
        fc.integer({ min: 1, max: 255 }),
        (at, by) => runFormat(withObject(object, wrapped.with(at, wrapped[at]! ^ by))),
      ),
      { numRuns: 25 },
    )
    const bomb = new Uint8Array(zstdCompressSync(new Uint8Array(64 << 20)))
    assert.ok(bomb.length < 10_000)
    await runFormat(withObject(object, bomb))
  })

  it("the index of catalogs", { timeout: 120_000 }, async () => {
    const { index } = await sample
    await fc.assert(
      fc.asyncProperty(alterations, (how) => runFormat(withObject("catalog.idx", altered(index, how)))),
      { numRuns: 25 },
    )
  })

  /** Runs SQL on a catalog; then it must be refused for the reason `why`. */
  const refused = (sql: string, why: RegExp) =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk(tree), options)
        yield* alterDatabase(store, catalogOf(summary), sql)
        const error = yield* Effect.flip(Effect.asVoid(factsOf(repository.entries(made(summary)))))
        assert.ok(error instanceof RepositoryError && error.reason === "corrupt", String(error))
        assert.match(error.message, why)
        assert.ok(
          (yield* repository.check({ readData: 0 })).findings.some(({ object }) => object === catalogOf(summary)),
        )
      })
    )

  const path = (to: string) => `UPDATE files SET path = CAST('${to}' AS BLOB) WHERE path = CAST('large' AS BLOB)`
  const refusals: ReadonlyArray<readonly [name: string, sql: string, why: RegExp]> = [
    ["a view", "CREATE VIEW v AS SELECT 1", /more than tables and indexes/],
    ["a trigger", "CREATE TRIGGER t AFTER INSERT ON files BEGIN SELECT 1; END", /more than tables and indexes/],
    ["a missing table", "DROP TABLE blobs", /no table "blobs"/],
    ["a missing column", "ALTER TABLE files DROP COLUMN extra", /no column "extra"/],
    ["a computed column", "ALTER TABLE files ADD COLUMN x AS (length(hex(zeroblob(500000000))))", /generated/],
    ["a way out", path("../x"), /component/],
    ["an absolute path", path("/etc/passwd"), /absolute/],
    ["an empty name", path("d//x"), /component/],
    ["text for a blob ID", "UPDATE files SET blob_id = 'x'", /ID of its content/],
    ["a time of no date", "UPDATE files SET ts_modified = 'yesterday'", /time/],
    ["a mode that is none", "UPDATE files SET unix_mode = -1", /number/],
    ["JSON that is none", "UPDATE files SET extra = '{'", /JSON/],
    ["JSONB that is none", "UPDATE files SET special = x'ff00ff'", /JSON/i],
    [
      "JSON of two megabytes",
      "UPDATE files SET extra = '{\"a\":\"' || hex(zeroblob(1000000)) || '\"}' WHERE path = x''",
      /JSON/,
    ],
    [
      "JSON of many levels",
      "UPDATE files SET extra = replace(hex(zeroblob(200000)), '0', '[') WHERE path = x''",
      /JSON/,
    ],
    ["another ID", "UPDATE metadata SET value = '\"00\"' WHERE key = 'id'", /another snapshot/],
    ["no version", "DELETE FROM metadata WHERE key = 'protocol'", /version/],
    ["no tree", "DELETE FROM metadata WHERE key = 'tree'", /lacks/],
    [
      "an order of its own",
      "DELETE FROM metadata WHERE key = 'extra.order'; CREATE TABLE penstock_order (x)",
      /penstock_order/,
    ],
  ]
  for (const [name, sql, why] of refusals) it(`a catalog with ${name}`, () => refused(sql, why))

  it("a catalog whose pages form a cycle", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk(tree), options)
        const object = catalogOf(summary)
        const bytes = yield* store.get(object, { atMost: Infinity })
        const view = new DataView(bytes.buffer, bytes.byteOffset)
        // The first inner page of a table (kind 5): its rightmost child becomes the page itself.
        const pages = Array.from({ length: bytes.length / 4096 - 1 }, (_, i) => i + 2)
        const inner = pages.find((page) => bytes[(page - 1) * 4096] === 5)!
        view.setUint32((inner - 1) * 4096 + 8, inner)
        yield* store.put(object, [bytes], { replace: true })
        const error = yield* Effect.flip(Stream.runDrain(repository.entries(made(summary))))
        assert.ok(error instanceof RepositoryError && error.reason === "corrupt", String(error))
      })
    ))

  it("impossible lengths cost one file its content, and no memory", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const blob = `(SELECT blob_id FROM files WHERE path = CAST('large' AS BLOB))`
        const damages: ReadonlyArray<string> = [
          `UPDATE blob_extents SET bytes = 1 << 40 WHERE blob_id = ${blob}`,
          `UPDATE blob_extents SET bytes = -1 WHERE blob_id = ${blob}`,
          `UPDATE blob_extents SET bytes = 'x' WHERE blob_id = ${blob}`,
          `UPDATE blob_extents SET extent_id = x'00' WHERE blob_id = ${blob} AND "offset" = 0`,
          `UPDATE blob_extents SET "offset" = "offset" + 1, bytes = bytes - 2 WHERE blob_id = ${blob} AND "offset" = 0`,
          `UPDATE blob_extents SET bytes = bytes + 1 WHERE blob_id = ${blob} AND "offset" = 0`,
          `UPDATE blobs SET bytes = 10 WHERE blob_id = ${blob}`,
          `UPDATE blobs SET bytes = -1 WHERE blob_id = ${blob}`,
          `DELETE FROM blobs WHERE blob_id = ${blob}`,
        ]
        for (const damage of damages) {
          const summary = yield* repository.backup(walk(tree), { ...options, parent: "none" })
          yield* alterDatabase(store, catalogOf(summary), damage)
          const facts = yield* factsOf(repository.entries(made(summary)))
          const lost = [...facts].filter(([, { damage }]) => damage !== undefined).map(([path]) => path)
          assert.deepEqual(lost, ["large"], damage)
          assert.notDeepEqual((yield* repository.check({ readData: 100 })).findings, [], damage)
          yield* store.remove(catalogOf(summary))
        }
      })
    ))

  it("a file with a damaged row in the parent is read again", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const first = yield* repository.backup(walk(tree), options)
        yield* alterDatabase(
          store,
          catalogOf(first),
          "UPDATE files SET extra = '{' WHERE path IN (CAST('large' AS BLOB), CAST('d/7' AS BLOB))",
        )
        const second = yield* repository.backup(walk(tree), options)
        assert.deepEqual([second.snapshot!.parent, second.filesUnchanged], [first.snapshot!.id, second.files - 2])
        assert.deepEqual(yield* factsOf(repository.entries(made(second))), yield* factsOf(walk(tree)))
      })
    ))

  it("links that lead nowhere or to each other", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk({ "a": { content: "1" }, "b": { content: "2" } }), options)
        yield* alterDatabase(
          store,
          catalogOf(summary),
          `UPDATE files SET blob_id = NULL, special = '{"type":"hardlink","target":"' ||
            (CASE CAST(path AS TEXT) WHEN 'a' THEN 'b' ELSE 'a' END) || '"}' WHERE path != x''`,
        )
        const facts = yield* factsOf(repository.entries(made(summary)))
        assert.deepEqual(["a", "b"].map((path) => facts.get(path)!.damage !== undefined), [true, true])
      })
    ))
})

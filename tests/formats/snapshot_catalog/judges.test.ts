/** Other programs read what Penstock wrote: the SQLite shell reads catalogs, b3sum reads extents. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, describe, it } from "node:test"
import { Effect } from "effect"
import { openStore } from "../../../adapters/store/open/open.ts"
import { makeSnapshotCatalog } from "../../../formats/snapshot_catalog/mod.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { skipIf } from "../../skip.ts"
import { catalogOf, options, walk } from "./harness.ts"

const lacks = (program: string): string | false =>
  spawnSync(program, ["--version"]).status !== 0 && `${program} is not installed`

const run = (program: string, ...args: ReadonlyArray<string>): string => {
  const done = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 })
  assert.equal(done.status, 0, done.stderr)
  return done.stdout.trim()
}

const directory = mkdtempSync(join(tmpdir(), "penstock-test-"))
after(() => rmSync(directory, { recursive: true }))

const contents: Readonly<Record<string, string | Uint8Array>> = { "d/large": noise(100_000, 1), "d/small": "hello\n" }
const tree = {
  "d/large": { content: contents["d/large"]!, mtime: 1_600_000_000_123_456_789n, user: "root" },
  "d/small": { content: contents["d/small"]! },
  "link": { symlink: "d/large" },
}

/** The file that holds the catalog of a snapshot. */
const catalog = runFormat(Effect.gen(function* () {
  const store = yield* openStore(directory)
  return yield* Effect.flatMap(
    makeSnapshotCatalog({ average: 4 << 10 }).create({}),
    (repository) =>
      Effect.map(repository.backup(walk(tree), options), (summary) => join(directory, catalogOf(summary))),
  ).pipe(Effect.provideService(ObjectStore, store))
}))

const extents = async () =>
  run(
    "sqlite3",
    await catalog,
    `SELECT path, "offset", blob_extents.bytes, lower(hex(extent_id)), lower(hex(blob_id))
      FROM files JOIN blob_extents USING (blob_id) JOIN extents USING (extent_id) ORDER BY path, "offset"`,
  ).split("\n").map((line) => {
    const [path, offset, bytes, extent, blob] = line.split("|")
    const name = `extents/${extent!.slice(0, 2)}/${extent!.slice(2, 4)}/${extent!.slice(4)}`
    return { path, offset: Number(offset), bytes: Number(bytes), extent, blob, file: join(directory, name) }
  })

describe("other programs on snapshot catalogs", () => {
  const sqlite3 = lacks("sqlite3")

  it(...skipIf(sqlite3, "sqlite3 joins files to extents, and finds the database whole"), async () => {
    const file = await catalog
    assert.equal(run("sqlite3", file, "PRAGMA integrity_check"), "ok")
    for (const path of ["d/large", "d/small"]) {
      const parts = (await extents()).filter((one) => one.path === path)
      const content = Buffer.concat(parts.map(({ file }) => readFileSync(file)))
      assert.deepEqual(content, Buffer.from(contents[path]!))
      assert.equal(
        parts.reduce((end, { bytes, offset }) => (assert.equal(offset, end), end + bytes), 0),
        content.length,
      )
    }
    assert.equal(
      run("sqlite3", file, "SELECT path, json_extract(special, '$.target') FROM files WHERE special LIKE '%symlink%'"),
      "link|d/large",
    )
    assert.equal(
      run(
        "sqlite3",
        file,
        "SELECT ts_modified, json_extract(extra, '$.mtime_ns'), unix_owner_name FROM files " +
          "WHERE path = CAST('d/large' AS BLOB)",
      ),
      "1600000000123|456789|root",
    )
    assert.equal(run("sqlite3", file, "SELECT json_extract(value, '$') FROM metadata WHERE key = 'protocol'"), "1")
    assert.equal(
      run("sqlite3", join(directory, "catalog.idx"), "PRAGMA integrity_check; SELECT count(*) FROM catalogs"),
      "ok\n1",
    )
  })

  it(...skipIf(sqlite3, "has the indexes of the document, and uses them"), async () => {
    const file = await catalog
    const queries = {
      "SELECT * FROM files WHERE path = x'00'": "files_path",
      "SELECT * FROM files WHERE blob_id = x'00'": "files_blob_id",
      ...Object.fromEntries(
        ["created", "changed", "modified", "accessed"].map((
          kind,
        ) => [`SELECT * FROM files WHERE ts_${kind} > 5`, `files_ts_${kind}`]),
      ),
      "SELECT extent_id FROM blob_extents WHERE extent_id = x'00'": "blob_extents_extent_id",
      "SELECT * FROM blob_extents WHERE blob_id = x'00' ORDER BY \"offset\"": "PRIMARY KEY",
      "SELECT * FROM extents WHERE extent_id = x'00'": "PRIMARY KEY",
      "SELECT * FROM blobs WHERE blob_id = x'00'": "PRIMARY KEY",
    }
    for (const [query, index] of Object.entries(queries)) {
      assert.match(run("sqlite3", file, `EXPLAIN QUERY PLAN ${query}`), new RegExp(`SEARCH.*${index}`), query)
    }
    const indexed = run("sqlite3", file, "SELECT sql FROM sqlite_schema WHERE tbl_name = 'blob_extents'")
    for (const columns of ["blob_id", "extent_id", "blob_id, extent_id", 'blob_id, "offset"']) {
      assert.ok(indexed.includes(`(${columns})`), columns)
    }
  })

  it(
    ...skipIf(
      sqlite3 || lacks("b3sum"),
      "b3sum of an extent is its name, and of the extents together that of the blob",
    ),
    async () => {
      const all = await extents()
      assert.ok(all.length > 5)
      for (const { extent, file } of all) assert.equal(run("b3sum", "--no-names", file), extent)
      const large = all.filter(({ path }) => path === "d/large")
      const whole = spawnSync("b3sum", ["--no-names"], {
        input: Buffer.concat(large.map(({ file }) => readFileSync(file))),
        encoding: "utf8",
      })
      assert.equal(whole.stdout.trim(), large[0]!.blob)
    },
  )
})

import assert from "node:assert/strict"
import { existsSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import { test } from "node:test"
import { DatabaseSync } from "node:sqlite"
import { Effect, Scope } from "effect"
import { sqliteStore } from "../../../../adapters/store/sqlite/sqlite.ts"
import { storeSuite } from "../../../suites/store/contract.ts"
import { memoryDirectory } from "../local/directory.ts"

const file = Effect.map(memoryDirectory, (directory) => join(directory, "store.sqlite"))

storeSuite("sqliteStore", Effect.flatMap(file, (path) => sqliteStore.make(path, { create: true })))

const runScoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8))

test("another connection reads finished objects, and no connection sees unfinished ones", () =>
  runScoped(Effect.gen(function* () {
    const path = yield* file
    const one = yield* sqliteStore.make(path, { create: true })
    const other = yield* sqliteStore.make(path)
    const writer = yield* one.create("grown")
    yield* writer.append(bytes(1_000_000))
    assert.equal((yield* Effect.flip(other.get("grown", { atMost: Infinity }))).reason, "not-found")
    yield* other.put("grown", [bytes(3)])
    assert.equal((yield* Effect.flip(writer.commit)).reason, "exists")
    assert.deepEqual(yield* one.get("grown", { atMost: Infinity }), bytes(3))
  })))

test("ranges across pieces give the bytes that were put", () =>
  runScoped(Effect.gen(function* () {
    const store = yield* sqliteStore.make(yield* file, { create: true })
    const whole = bytes(1_300_001)
    yield* store.put("x", [whole.subarray(0, 7), whole.subarray(7, 600_000), whole.subarray(600_000)])
    const ranges: ReadonlyArray<readonly [offset: number, length: number]> = [
      [0, 1],
      [262_143, 2],
      [262_144, 262_144],
      [1, 1_300_000],
      [524_287, 524_290],
      [1_300_000, 1],
      [-1, 1],
    ]
    for (const [offset, length] of ranges) {
      const from = offset < 0 ? whole.length + offset : offset
      assert.deepEqual(yield* store.get("x", { offset, length }), whole.slice(from, from + length))
    }
  })))

test("a missing piece is damage, not zeros", () =>
  runScoped(Effect.gen(function* () {
    const path = yield* file
    yield* Effect.scoped(Effect.flatMap(
      sqliteStore.make(path, { create: true }),
      (store) => store.put("x", [bytes(600_000)]),
    ))
    const db = new DatabaseSync(path)
    db.exec("DELETE FROM piece WHERE id % 1048576 = 1")
    db.close()
    const store = yield* sqliteStore.make(path)
    const error = yield* Effect.flip(store.get("x", { atMost: Infinity }))
    assert.equal(error.reason, "corrupt")
    assert.match(error.message, /"x".*damaged/)
    assert.deepEqual(yield* store.get("x", { offset: 0, length: 5 }), bytes(5))
  })))

test("other files are refused", () =>
  runScoped(Effect.gen(function* () {
    const path = yield* file
    assert.equal((yield* Effect.flip(sqliteStore.make(path))).reason, "not-found")
    writeFileSync(path, "this is not a database, and a little longer than a header of one would be".repeat(3))
    assert.equal((yield* Effect.flip(sqliteStore.make(path, { create: true }))).reason, "corrupt")
    const other = `${path}.other`
    const db = new DatabaseSync(other)
    db.exec("CREATE TABLE mine (x)")
    db.close()
    const error = yield* Effect.flip(sqliteStore.make(other, { create: true }))
    assert.match(error.message, /not a store of Penstock/)
  })))

test("the file and those beside it are for the owner only, whatever the umask", () =>
  runScoped(Effect.gen(function* () {
    for (const mask of [0, 0o022, 0o777]) {
      const path = yield* file
      const before = process.umask(mask)
      try {
        const store = yield* sqliteStore.make(path, { create: true })
        yield* store.put("x", [bytes(300_000)])
      } finally {
        process.umask(before)
      }
      const made = readdirSync(dirname(path))
      assert.ok(made.length > 1, `${made}`)
      for (const name of made) assert.equal(statSync(join(dirname(path), name)).mode & 0o777, 0o600, name)
    }
  })))

test("a link to a file that does not exist is refused, and no file is made", () =>
  runScoped(Effect.gen(function* () {
    const path = yield* file
    symlinkSync(join(dirname(path), "not there"), path)
    const error = yield* Effect.flip(sqliteStore.make(path, { create: true }))
    assert.match(error.message, /is a symbolic link to a file that does not exist/)
    assert.ok(!existsSync(join(dirname(path), "not there")))
  })))

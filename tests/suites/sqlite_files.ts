/** Database files for tests of what reads them: made by an engine, and damaged on purpose. */
import { Effect } from "effect"
import type { RandomAccess } from "../../stages/catalog/random_access.ts"
import type { SqliteEngine, SqliteRow, SqliteValue } from "../../stages/catalog/sqlite/sqlite.ts"
import { bytesOf, withDatabase } from "./sqlite.ts"

/** A deterministic source of numbers below `below` (xorshift). */
export const randomOf = (seed: number): (below: number) => number => {
  let state = seed * 2654435761 | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** A database file, and what the engine says that is in it. */
export interface MadeDatabase {
  readonly bytes: Uint8Array
  /** Rows of the table `t`, by ID: `id, a, b, c`. */
  readonly t: ReadonlyArray<SqliteRow>
  /** Rows of `w`, which has no row IDs, by its key `a, b`: `a, b, c`. */
  readonly w: ReadonlyArray<SqliteRow>
  /** Entries of the index `i`: `b, id` of the table `t`. */
  readonly i: ReadonlyArray<SqliteRow>
}

/** Makes a database by `steps` random inserts, updates and deletes. The same for the same arguments. */
export const makeDatabase = (
  engine: SqliteEngine,
  seed: number,
  pageBytes: number,
  steps: number,
): Promise<MadeDatabase> =>
  withDatabase(engine, async (db) => {
    const random = randomOf(seed)
    const blob = (): Uint8Array => {
      const length = random(12) === 0 ? random(40) === 0 ? random(60_000) : random(2 * pageBytes) : random(60)
      return Uint8Array.from({ length }, (_, i) => (length + i * 7) % 256)
    }
    const value = (): SqliteValue =>
      [
        () => null,
        () => random(3) - 1,
        () => random(70_000) - 35_000,
        () => random(2 ** 31) * 2 ** 12 - 2 ** 40,
        () => BigInt(random(2 ** 31)) * -(2n ** 31n) - 5n,
        () => random(1000) / 7,
        () => `text ${random(5000)} \u{1f980} é`,
        () => "",
        blob,
        blob,
      ][random(10)]!()
    db.exec(`PRAGMA page_size = ${pageBytes}; VACUUM`)
    db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c)")
    db.exec("CREATE TABLE w (a, b, c, PRIMARY KEY (a, b)) WITHOUT ROWID")
    db.exec("CREATE INDEX i ON t (b)")
    db.exec("BEGIN")
    const insertT = db.prepare("INSERT OR REPLACE INTO t VALUES (?, ?, ?, ?)")
    const insertW = db.prepare("INSERT OR REPLACE INTO w VALUES (?, ?, ?)")
    const updateT = db.prepare("UPDATE t SET c = ? WHERE id = ?")
    const deleteT = db.prepare("DELETE FROM t WHERE id BETWEEN ? AND ?")
    const deleteW = db.prepare("DELETE FROM w WHERE a = ?")
    for (let step = 0; step < steps; step++) {
      const id = random(10) === 0 ? random(2 ** 31) - 2 ** 30 : random(steps)
      const kind = random(12)
      if (kind < 5) insertT.run(id, value(), value(), value())
      else if (kind < 10) insertW.run(random(40), value() ?? 0, value())
      else if (kind < 11) updateT.run(value(), id)
      else if (random(2) === 0) deleteT.run(id, id + random(20))
      else deleteW.run(random(40))
    }
    db.exec("COMMIT")
    return {
      bytes: await bytesOf(db),
      t: db.prepare("SELECT id, a, b, c FROM t ORDER BY id").all(),
      w: db.prepare("SELECT a, b, c FROM w ORDER BY a, b").all(),
      i: db.prepare("SELECT b, id FROM t ORDER BY b, id").all(),
    }
  })

/** A file in memory that counts what is read of it. */
export const countingFile = (
  bytes: Uint8Array,
): RandomAccess & { readonly count: { calls: number; bytes: number } } => {
  const count = { calls: 0, bytes: 0 }
  return {
    count,
    size: bytes.length,
    read: (offsets, length) =>
      Effect.sync(() => {
        count.calls += 1
        count.bytes += offsets.length * length
        return offsets.map((at) => bytes.slice(at, at + length))
      }),
  }
}

/** A copy of a database file with some bytes changed: at random, or a number of a page where one could be. */
export const mutated = (bytes: Uint8Array, pageBytes: number, seed: number): Uint8Array => {
  const random = randomOf(seed)
  const out = bytes.slice()
  const pages = out.length / pageBytes
  for (let n = 1 + random(6); n > 0; n--) {
    const page = random(pages) * pageBytes
    const other = random(pages) * pageBytes
    switch (random(5)) {
      case 0:
        out[page + random(pageBytes)] = random(256)
        break
      case 1: // the header of a page, and its first cells
        out[page + random(24)] = random(256)
        break
      case 2: // a pointer to a page: the last child, the next page of a long row, or in a cell
        new DataView(out.buffer).setUint32(page + [0, 8, random(pageBytes - 4)][random(3)]!, random(pages + 2))
        break
      case 3: // one page in the place of another
        out.set(bytes.subarray(other, other + pageBytes), page)
        break
      default:
        out[random(100)] = random(256)
    }
  }
  return out
}

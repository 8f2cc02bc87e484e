/** Lists a tree in the order of a walk, in memory that does not grow with the tree. */
import type { SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from "../sqlite/sqlite.ts"
import { CONTENT, ENTRY, hasLongList, ID, LISTED_COLUMNS, LONG_LIST, NAME } from "./listed_row.ts"
import { IdSet } from "./id_set.ts"
import type { Owners } from "./owners.ts"
import { childPath, corruptAt, DIRECTORY, entryOf, idOf, type StoredEntry } from "./row.ts"

/** How many rows are read at once. */
const BATCH = 256
/** How many subdirectories of one directory are remembered at once. */
const DIRECTORIES = 64

const NONE: Uint8Array = new Uint8Array(0)

/** The SQL statements of listings. Any number of listings may share them, because rows are read in batches. */
export interface ListStatements {
  readonly children: SqliteStatement
  readonly directories: SqliteStatement
  readonly content: SqliteStatement
}

/** Prepares the statements. */
export const listStatements = (db: SqliteDatabase): ListStatements => {
  const select = `SELECT ${LISTED_COLUMNS} FROM entry WHERE parent = ? AND name > ?`
  return {
    children: db.prepare(`${select} ORDER BY name LIMIT ${BATCH}`),
    directories: db.prepare(`${select} AND kind = ${DIRECTORY} ORDER BY name LIMIT ${DIRECTORIES}`),
    content: db.prepare("SELECT content FROM entry WHERE parent = ? AND name = ?"),
  }
}

interface Frame {
  readonly id: number
  readonly path: string
  /** Subdirectories; those from `at` on are still to be visited. */
  pending: Array<SqliteRow>
  at: number
  /** Whether there may be more subdirectories. */
  more: boolean
  listed: boolean
}

/**
 * Everything beneath the directory `id` at `path`. In each directory, the entries that are not directories come first,
 * then the directories, each by the bytes of their names. Throws {@link SqliteError} `corrupt` for a name that no entry
 * can have, and for an ID that occurs twice. The latter ends any cycle.
 */
export function* listBeneath(
  id: number,
  path: string,
  statements: ListStatements,
  owners: Owners,
): Generator<StoredEntry, void> {
  const met = new IdSet()
  met.add(id)
  const frames: Array<Frame> = [frameOf(id, path)]
  while (frames.length > 0) {
    const frame = frames[frames.length - 1]!
    if (!frame.listed) {
      yield* listFiles(frame, met, statements, owners)
      frame.listed = true
    }
    if (frame.at === frame.pending.length && frame.more) refill(frame, met, statements)
    if (frame.at === frame.pending.length) {
      frames.pop()
      continue
    }
    const row = frame.pending[frame.at++]!
    const child = childPath(frame.path, row[NAME])
    yield entryOf(child, row, ENTRY, owners)
    frames.push(frameOf(row[ID] as number, child))
  }
}

/** The entries in the directory `id` at `path`, by the bytes of their names. */
export function* listChildren(
  id: number,
  path: string,
  statements: ListStatements,
  owners: Owners,
): Generator<StoredEntry, void> {
  for (let last: SqliteValue = NONE;;) {
    const rows = statements.children.all(id, last)
    for (const row of rows) {
      yield entryOf(childPath(path, row[NAME]), whole(id, row, statements), ENTRY, owners)
    }
    if (rows.length < BATCH) return
    last = rows[rows.length - 1]![NAME]!
  }
}

/** The chunk lists of all files, except long ones. */
export function* listChunks(db: SqliteDatabase): Generator<Uint8Array, void> {
  const read = db.prepare(
    `SELECT parent, name, content FROM entry WHERE (parent, name) > (?, ?) AND length(content) <= ${LONG_LIST} ` +
      `ORDER BY parent, name LIMIT ${BATCH}`,
  )
  let rows: ReadonlyArray<SqliteRow> = []
  let last: SqliteRow = [-1, NONE]
  do {
    rows = read.all(last[0]!, last[1]!)
    for (const row of rows) if (row[2] instanceof Uint8Array) yield row[2]
    last = rows.at(-1) ?? last
  } while (rows.length === BATCH)
}

function* listFiles(
  frame: Frame,
  met: IdSet,
  statements: ListStatements,
  owners: Owners,
): Generator<StoredEntry, void> {
  let last: SqliteValue = NONE
  for (;;) {
    const rows = statements.children.all(frame.id, last)
    for (const row of rows) {
      if (row[ENTRY] === DIRECTORY) {
        if (frame.pending.length < DIRECTORIES) {
          meet(frame, row, met)
          frame.pending.push(row)
        } else frame.more = true
      } else {
        meet(frame, row, met)
        yield entryOf(childPath(frame.path, row[NAME]), whole(frame.id, row, statements), ENTRY, owners)
      }
    }
    if (rows.length < BATCH) return
    last = rows[rows.length - 1]![NAME]!
  }
}

const refill = (frame: Frame, met: IdSet, statements: ListStatements): void => {
  const last = frame.pending[frame.pending.length - 1]![NAME]!
  frame.pending = [...statements.directories.all(frame.id, last)]
  frame.at = 0
  frame.more = frame.pending.length === DIRECTORIES
  for (const row of frame.pending) meet(frame, row, met)
}

const whole = (parent: number, row: SqliteRow, statements: ListStatements): SqliteRow => {
  if (!hasLongList(row)) return row
  const [content] = statements.content.get(parent, row[NAME]!) ?? []
  const out = row.slice()
  out[CONTENT] = content ?? null
  return out
}

const meet = (frame: Frame, row: SqliteRow, met: IdSet): void => {
  if (!met.add(idOf(frame.path, row[ID]))) {
    throw corruptAt(frame.path, `it has an entry whose ID ${row[ID]} belongs to another`)
  }
}

const frameOf = (id: number, path: string): Frame => ({ id, path, pending: [], at: 0, more: false, listed: false })

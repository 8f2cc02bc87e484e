/** Removes from a tree what a session has not seen. */
import type { SqliteRow, SqliteValue } from "../sqlite/sqlite.ts"
import { IdSet } from "./id_set.ts"
import { BATCH, type Nodes } from "./nodes.ts"
import { childPath, corruptAt, DIRECTORY, idOf } from "./row.ts"
import { ROOT_ID } from "./schema.ts"
import type { Session } from "./session.ts"

/** A directory whose children are being visited. */
interface Frame {
  readonly id: number
  readonly path: string
  rows: ReadonlyArray<SqliteRow>
  at: number
  last: SqliteValue
  more: boolean
}

const NONE: Uint8Array = new Uint8Array(0)

const frameOf = (id: number, path: string): Frame => ({ id, path, rows: [], at: 0, last: NONE, more: true })

/** Removes all entries that the session has not seen. Returns how many. */
export const removeUnseen = (nodes: Nodes, session: Session): number => {
  // As many rows as were seen: then all were seen.
  if (nodes.find(0, NONE) === undefined || nodes.count() === session.seen) return 0
  let removed = 0
  const met = new IdSet()
  /** Removes an entry that is unseen. Returns whether it is a directory that was seen, to look into. */
  const visit = (parent: number, name: SqliteValue, path: string, id: number, directory: boolean): boolean => {
    if (session.wasPut(id) || session.isKept(id)) {
      if (!met.add(id)) throw corruptAt(path, `its ID ${id} belongs to another entry`)
      return directory
    }
    removed += nodes.remove(parent, name, id, directory)
    session.report?.({ op: "remove", path })
    return false
  }
  if (!visit(0, NONE, "", ROOT_ID, true)) return removed
  const frames = [frameOf(ROOT_ID, "")]
  while (frames.length > 0) {
    const frame = frames[frames.length - 1]!
    if (frame.at === frame.rows.length) {
      if (!frame.more) {
        frames.pop()
        continue
      }
      frame.rows = nodes.children(frame.id, frame.last)
      frame.at = 0
      frame.more = frame.rows.length === BATCH
      continue
    }
    const [name, rawId, kind] = frame.rows[frame.at++]!
    frame.last = name!
    const path = childPath(frame.path, name)
    const id = idOf(frame.path, rawId)
    if (visit(frame.id, name!, path, id, kind === DIRECTORY)) frames.push(frameOf(id, path))
  }
  return removed
}

/** Ways to lay rows out: the catalog's own, and others that were considered. */
import type { SqliteDatabase } from "../../stages/catalog/sqlite/sqlite.ts"
import { Owners } from "../../stages/catalog/tree/owners.ts"
import { rowOf, type StoredEntry } from "../../stages/catalog/tree/row.ts"
import { openTree } from "../../stages/catalog/tree/tree.ts"

/** A catalog that was made, and how entries of it are changed. */
export interface Laid {
  readonly change: (entries: ReadonlyArray<StoredEntry>) => void
}

/** A way to lay rows out. */
export interface Layout {
  readonly name: string
  readonly make: (db: SqliteDatabase, entries: ReadonlyArray<StoredEntry>) => Laid
}

/** The catalog as it is: a row has all of an entry, in the order of directory and name. */
const tree: Layout = {
  name: "one row",
  make: (db, entries) => {
    const opened = openTree(db)
    opened.begin()
    for (const entry of entries) opened.put(entry)
    opened.commit()
    return {
      change: (changed) => {
        opened.begin()
        for (const entry of changed) opened.apply({ op: "put", entry })
        opened.commit()
      },
    }
  },
}

/** Two tables: one by directory and name, and one by ID with the columns `apart`. */
const split = (name: string, apart: ReadonlyArray<string>): Layout => ({
  name,
  make: (db, entries) => {
    const columns = ["kind", "size", "mode", "owner", "mtime", "ctime", "inode", "device", "sparse", "target", "link"]
      .concat(
        ["rdev", "content"],
      )
    const kept = columns.filter((column) => !apart.includes(column))
    db.exec("CREATE TABLE owner (id INTEGER PRIMARY KEY, uid INTEGER, gid INTEGER, user TEXT, grp TEXT)")
    const keys = ["parent", "name", "id", ...kept].join(", ")
    db.exec(`CREATE TABLE entry (${keys}, PRIMARY KEY (parent, name)) WITHOUT ROWID`)
    db.exec(`CREATE TABLE node (id INTEGER PRIMARY KEY, ${apart.join(", ")})`)
    const owners = new Owners(db)
    const places = (count: number): string => new Array(count).fill("?").join(", ")
    const insert = db.prepare(`INSERT INTO entry VALUES (${places(3 + kept.length)})`)
    const insertNode = db.prepare(`INSERT INTO node VALUES (${places(1 + apart.length)})`)
    const update = db.prepare(`UPDATE node SET ${apart.map((column) => `${column} = ?`).join(", ")} WHERE id = ?`)
    const ids = new Map<string, number>()
    const of = (entry: StoredEntry, names: ReadonlyArray<string>) => {
      const row = rowOf(entry, owners)
      return names.map((name) => row[columns.indexOf(name)]!)
    }
    db.exec("BEGIN")
    for (const entry of entries) {
      const slash = entry.path.lastIndexOf("/")
      const id = ids.size + 1
      const parent = entry.path === "" ? 0 : ids.get(slash < 0 ? "" : entry.path.slice(0, slash))!
      ids.set(entry.path, id)
      insert.run(parent, new TextEncoder().encode(entry.path.slice(slash + 1)), id, ...of(entry, kept))
      insertNode.run(id, ...of(entry, apart))
    }
    db.exec("COMMIT")
    return {
      change: (changed) => {
        db.exec("BEGIN")
        for (const entry of changed) update.run(...of(entry, apart), ids.get(entry.path)!)
        db.exec("COMMIT")
      },
    }
  },
})

/** All layouts, the catalog's own first. */
export const LAYOUTS: ReadonlyArray<Layout> = [
  tree,
  split("what changes apart", ["size", "mtime", "ctime", "content"]),
  split("names apart", ["kind", "size", "mode", "owner", "mtime", "ctime", "inode", "device", "content"]),
]

/**
 * The tree: the entries of one snapshot in a SQLite database.
 *
 * A new snapshot takes a copy of its parent's tree and changes only the entries that changed. The pages of the database
 * file without changes stay the same, byte for byte, and are stored only once. For that reason, nothing about a single
 * run is kept here.
 */
import { parentPath, pathProblem } from "../../walk/path.ts"
import type { SqliteDatabase } from "../sqlite/sqlite.ts"
import { listBeneath, listChildren, listChunks, type ListStatements, listStatements } from "./list.ts"
import type { TreeChange } from "./change.ts"
import { below, nameOf, Nodes } from "./nodes.ts"
import { Owners } from "./owners.ts"
import { corruptAt, DIRECTORY, entryOf, idOf, IMPLIED_DIRECTORY } from "./row.ts"
import { misuse, rowOf, sameRow, type StoredEntry } from "./row.ts"
import { ensureSchema, ROOT_ID } from "./schema.ts"
import { Session } from "./session.ts"
import { removeUnseen } from "./unseen.ts"

/** How much a tree holds. */
export interface TreeCounts {
  readonly files: number
  readonly directories: number
  /** Symlinks, fifos, sockets and device nodes. */
  readonly others: number
  /** Bytes of the contents of all files. A file with hard links counts for each of them. */
  readonly bytes: number
}

/**
 * An open tree. All methods are synchronous. They throw {@link SqliteError}: `corrupt` when the database is damaged,
 * `query` when a call makes no sense. After an error in a session, the database must not be used any more.
 */
export interface Tree {
  /** The entry at a path; undefined when there is none. Fast when paths come depth-first. */
  readonly lookup: (path: string) => StoredEntry | undefined
  /**
   * Starts a session that has seen no entries yet. `onChange` is called for each change that `put` and `removeUnseen`
   * make, in order.
   */
  readonly begin: (onChange?: (change: TreeChange) => void) => void
  /**
   * Stores an entry, and marks it and the directories above it as seen. Directories that are missing are made without
   * metadata. It replaces what was at the path; a directory that becomes something else loses everything beneath it.
   * Throws when the path was put before in this session. Keeps no reference to the entry.
   */
  readonly put: (entry: StoredEntry) => "new" | "changed" | "same"
  /** Removes the entries that were not seen since `begin`. Returns their number. */
  readonly removeUnseen: () => number
  /**
   * Makes a change that another session reported. It marks nothing as seen and reports nothing. Applying the changes in
   * their order gives the same tree.
   */
  readonly apply: (change: TreeChange) => void
  /** Ends the session. After that, the bytes of the database may be read. */
  readonly commit: () => void
  /**
   * All entries, or the one at `under` and everything beneath it, in the order of a walk (`Source.entries`). Gives none
   * when there is nothing at `under`. Takes one bit of memory for each entry, and otherwise does not grow with the
   * tree.
   */
  readonly entries: (options?: { readonly under?: string }) => IterableIterator<StoredEntry>
  /** The entries in the directory at a path, by the bytes of their names. Gives none when there is no directory. */
  readonly children: (path: string) => IterableIterator<StoredEntry>
  /** The chunk lists of all files in any order, except lists that are long. */
  readonly chunkLists: () => IterableIterator<Uint8Array>
  /** Counts the entries. Each call reads all rows. */
  readonly counts: () => TreeCounts
}

/**
 * Opens the tree in a database, and makes one in an empty database. Throws {@link SqliteError} `corrupt` when the
 * database holds something else.
 */
export const openTree = (db: SqliteDatabase): Tree => {
  ensureSchema(db)
  const tree = new OpenTree(db)
  return {
    lookup: (path) => tree.lookup(path),
    begin: (onChange) => tree.begin(onChange),
    put: (entry) => tree.put(entry),
    removeUnseen: () => tree.removeUnseen(),
    apply: (change) => tree.apply(change),
    commit: () => tree.commit(),
    entries: (options) => tree.entries(options?.under ?? ""),
    children: (path) => tree.children(path),
    chunkLists: () => listChunks(db),
    counts: () => tree.counts(),
  }
}

const NONE: Uint8Array = new Uint8Array(0)

class OpenTree {
  readonly #db: SqliteDatabase
  readonly #owners: Owners
  readonly #nodes: Nodes
  readonly #list: ListStatements
  #session: Session | undefined

  constructor(db: SqliteDatabase) {
    this.#db = db
    this.#owners = new Owners(db)
    this.#nodes = new Nodes(db)
    this.#list = listStatements(db)
  }

  lookup(path: string): StoredEntry | undefined {
    if (path.startsWith("/")) return undefined
    const parent = path === "" ? 0 : this.#nodes.resolve(parentPath(path))
    if (parent === undefined) return undefined
    const found = this.#nodes.findNext(parent, nameOf(path))
    if (found === undefined) return undefined
    const entry = entryOf(path, found.row, found.at + 1, this.#owners)
    this.#session?.known.set(path, { ...found, removals: this.#nodes.removals })
    return entry
  }

  begin(report: ((change: TreeChange) => void) | undefined): void {
    if (this.#session) throw misuse("", "a session is under way")
    this.#db.exec("BEGIN")
    this.#session = new Session(report, this.#nodes.next)
  }

  commit(): void {
    this.#running()
    this.#nodes.keepNext()
    this.#db.exec("COMMIT")
    this.#session = undefined
  }

  put(entry: StoredEntry): "new" | "changed" | "same" {
    const session = this.#running()
    const outcome = this.#store(entry, session)
    if (outcome !== "same") session.report?.({ op: "put", entry })
    return outcome
  }

  apply(change: TreeChange): void {
    this.#running()
    if (change.op === "put") this.#store(change.entry, undefined)
    else {
      const { path } = change
      const parent = path === "" ? 0 : this.#nodes.resolve(parentPath(path))
      const row = parent === undefined ? undefined : this.#nodes.find(parent, nameOf(path))
      if (parent === undefined || row === undefined) return
      this.#nodes.remove(parent, nameOf(path), idOf(path, row[0]), row[1] === DIRECTORY)
    }
  }

  removeUnseen(): number {
    return removeUnseen(this.#nodes, this.#running())
  }

  *entries(under: string): Generator<StoredEntry, void> {
    const version = this.#nodes.version
    const top = this.lookup(under)
    if (top === undefined) return
    yield top
    if (top.kind !== "directory") return
    const id = this.#nodes.resolve(under)
    if (id === undefined) return
    let listed = 1
    for (const entry of listBeneath(id, under, this.#list, this.#owners)) {
      listed += 1
      yield entry
    }
    if (under !== "" || version !== this.#nodes.version) return
    const stored = this.#nodes.count()
    if (stored !== listed) throw corruptAt("", `${stored - listed} entries are in no directory`)
  }

  children(path: string): IterableIterator<StoredEntry> {
    const id = this.lookup(path)?.kind === "directory" ? this.#nodes.resolve(path) : undefined
    return id === undefined ? [].values() : listChildren(id, path, this.#list, this.#owners)
  }

  counts(): TreeCounts {
    const counts = { files: 0, directories: 0, others: 0, bytes: 0 }
    for (
      const [kind, count, bytes] of this.#db.prepare("SELECT kind, count(*), total(size) FROM entry GROUP BY kind")
        .all()
    ) {
      const number = Number(count)
      if (kind === 0) {
        counts.files = number
        counts.bytes = Number(bytes)
      } else if (kind === DIRECTORY) counts.directories = number
      else counts.others += number
    }
    return counts
  }

  /** Inserts or updates an entry. `session` is undefined for a change that is applied. */
  #store(entry: StoredEntry, session: Session | undefined): "new" | "changed" | "same" {
    const { path } = entry
    const problem = pathProblem(path)
    if (problem !== undefined) throw misuse(path, problem)
    if (path === "" && entry.kind !== "directory") throw misuse(path, "the root is not a directory")
    const row = rowOf(entry, this.#owners)
    const parent = path === "" ? 0 : this.#makeDirectory(parentPath(path), session)
    const name = nameOf(path)
    // In a directory that this session made, there is most likely nothing at this path yet.
    if (session && parent >= session.firstId) {
      const id = this.#nodes.tryAdd(parent, name, row)
      if (id !== undefined) return this.#stored(entry, id, session, "new")
    }
    const known = session?.known.delete(path)
    if (known !== undefined) {
      const id = idOf(path, known.row[known.at])
      const untouched = known.removals === this.#nodes.removals && !session!.wasPut(id) && !session!.isKept(id)
      if (untouched && sameRow(known.row, known.at + 1, row)) return this.#stored(entry, id, session, "same")
    }
    const old = this.#nodes.find(parent, name)
    if (old === undefined) return this.#stored(entry, this.#nodes.add(parent, name, row), session, "new")
    const id = idOf(path, old[0])
    if (session?.wasPut(id)) throw misuse(path, "the path came before")
    if (sameRow(old, 1, row)) return this.#stored(entry, id, session, "same")
    if (old[1] === DIRECTORY && entry.kind !== "directory") {
      if (session?.isKept(id)) throw misuse(path, "it is a directory with entries that came before")
      this.#nodes.removeBeneath(id)
    }
    this.#nodes.change(parent, name, row)
    return this.#stored(entry, id, session, "changed")
  }

  #stored<A>(entry: StoredEntry, id: number, session: Session | undefined, outcome: A): A {
    session?.markPut(id)
    // A walk goes on in this directory.
    if (entry.kind === "directory" && entry.path !== "") this.#nodes.enter({ path: entry.path, id })
    return outcome
  }

  /** The ID of the directory at `path`. It is made when there is none, and marked as kept. */
  #makeDirectory(path: string, session: Session | undefined): number {
    let here = this.#nodes.ascend(path)
    if (!this.#nodes.hasRoot) this.#nodes.add(0, NONE, IMPLIED_DIRECTORY)
    while (here.path.length < path.length) {
      const child = below(here.path, path)
      const name = nameOf(child)
      const row = this.#nodes.find(here.id, name)
      let id: number
      if (row === undefined) id = this.#nodes.add(here.id, name, IMPLIED_DIRECTORY)
      else {
        id = idOf(child, row[0])
        if (row[1] !== DIRECTORY) {
          if (session?.wasPut(id)) throw misuse(path, `"${child}" came before, and is not a directory`)
          this.#nodes.change(here.id, name, IMPLIED_DIRECTORY)
        }
      }
      here = this.#nodes.enter({ path: child, id })
    }
    // When a directory is marked, those above it are marked, too.
    if (session && !session.isKept(here.id)) {
      session.keep(ROOT_ID)
      for (const directory of this.#nodes.above) session.keep(directory.id)
    }
    return here.id
  }

  #running(): Session {
    if (!this.#session) throw misuse("", "no session is under way")
    return this.#session
  }
}

/** A tar archive as a stream of entries. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { paged } from "../catalog/sqlite/paged.ts"
import { SqliteEngine, SqliteError } from "../catalog/sqlite/sqlite.ts"
import { openTree, type Tree } from "../catalog/tree/tree.ts"
import { type StoredEntry, type StoredKind } from "../catalog/tree/row.ts"
import { catching } from "../kernel/catching.ts"
import { contentStream } from "../walk/content.ts"
import type { Content, Entry } from "../walk/entry.ts"
import { depthProblem, displayPath, parentPath } from "../walk/path.ts"
import { TarError } from "./error.ts"
import { type Member, TarReader } from "./members.ts"
import { decodePlace, encodePlace } from "./place.ts"
import { withHoles } from "./sparse.ts"

/** An archive that can be read in order once, and then anywhere. */
export interface TarArchive<E = never, R = never> {
  /** All of it, from the first byte to the last. */
  readonly bytes: Stream.Stream<Uint8Array, E, R>
  /** A part of it, which has gone by in `bytes`. `path` is for messages. */
  readonly content: (path: string, offset: number, length: number) => Content
}

/** An archive that is in memory. */
export const tarInMemory = (bytes: Uint8Array): TarArchive => ({
  bytes: Stream.succeed(bytes),
  content: (_path, offset, length) => bytes.subarray(offset, offset + length),
})

/** How to read an archive. */
export interface ReadTarOptions {
  /** Told of members that are left out, by their name in the archive. */
  readonly problem?: (problem: { readonly path: string; readonly message: string }) => void
}

/**
 * The entries of a tar archive in the order of a walk, whatever the order in the archive. It is read to its end before
 * the first entry comes: an archive that is damaged or cut off fails with {@link TarError}, and gives none. What is in
 * it is kept in a temporary database meanwhile, not in memory.
 *
 * Reads the forms of POSIX (ustar and pax), of GNU and of the seventh edition, with holes in all four forms. Of several
 * members of one name the last counts. Slashes at the beginning of names are dropped. A member is left out, and
 * `problem` is told, when its name has a component `..`, when it lies beneath something that is not a directory in the
 * archive (a symlink, say), or when it is of a kind that entries do not have. Extended attributes are not read.
 */
export const readTar = <E, R>(
  archive: TarArchive<E, R>,
  { problem = () => {} }: ReadTarOptions = {},
): Stream.Stream<Entry, E | TarError | SqliteError, R | SqliteEngine> =>
  Stream.unwrap(Effect.gen(function* () {
    const db = yield* (yield* SqliteEngine).open()
    const tree = yield* catching(SqliteError, () => openTree(db))
    const members = new Members(tree, problem)
    const reader = yield* parsing(() => new TarReader((member) => members.add(member)))
    yield* catching(SqliteError, () => tree.begin())
    yield* Stream.runForEach(archive.bytes, (bytes) => parsing(() => reader.push(bytes)))
    yield* parsing(() => reader.end())
    yield* catching(SqliteError, () => tree.commit())
    if (reader.trailing) {
      problem({ path: "", message: "After its end, the archive goes on with bytes that are not read" })
    }
    const entryOf = linking(members.linked)
    return Stream.map(paged(() => tree.entries()), (stored) => entryOf(stored, archive.content))
  }))

/** Runs what may throw {@link TarError} or {@link SqliteError}. */
const parsing = <A>(run: () => A): Effect.Effect<A, TarError | SqliteError> =>
  Effect.flatten(catching(SqliteError, () => catching(TarError, run))) as Effect.Effect<A, TarError | SqliteError>

const KINDS: Readonly<Record<string, StoredKind>> = {
  "0": "file",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  // A directory with a list of its names, of incremental archives.
  "D": "directory",
}
/** The label of a volume stands for nothing. */
const LABEL = "V"
const HARD_LINK = "1"

/** Puts members into a tree. */
class Members {
  /** The places in the archive that several paths have in common. */
  readonly linked: Set<number> = new Set()
  /**
   * How many things that are no files have several paths. Their entries in the tree have a number of these for the path
   * that they link to.
   */
  #things = 0
  readonly #tree: Tree
  readonly #problem: NonNullable<ReadTarOptions["problem"]>

  constructor(tree: Tree, problem: NonNullable<ReadTarOptions["problem"]>) {
    this.#tree = tree
    this.#problem = problem
  }

  add(member: Member): void {
    if (member.type === LABEL) return
    const entry = this.#entryOf(member)
    if (typeof entry === "string") this.#problem({ path: member.name, message: entry })
    else this.#tree.apply({ op: "put", entry })
  }

  /** What to put, or why not. */
  #entryOf(member: Member): StoredEntry | string {
    const { link, metadata, rdev, size, type } = member
    const path = pathOf(member.name)
    if (path === undefined) return 'Left out: a name with a component ".." may lead anywhere'
    const kind = KINDS[type]
    if (kind === undefined && type !== HARD_LINK) {
      return `Left out: it is of the kind "${displayPath(type)}", which is not known`
    }
    if (path === "" && kind !== "directory") return "Left out: only a directory can be the root"
    if (path.includes("\0")) return "Left out: no path is like that"
    const deep = depthProblem(path)
    if (deep !== undefined) return `Left out: ${deep}`
    const above = this.#obstacle(path)
    if (above !== undefined) {
      return `Left out: it lies beneath "${displayPath(above)}", which is not a directory in the archive`
    }
    if (kind !== "directory" && this.#tree.lookup(path)?.kind === "directory") {
      return "Left out: it would take the place of a directory"
    }
    if (kind === undefined) return this.#link(path, link)
    if (kind === "symlink" && (link === "" || link.includes("\0"))) return "Left out: it is a link to nowhere"
    if ([rdev.major, rdev.minor].some((number) => number < 0 || number > 0xffffffff)) {
      return "Left out: it is a device with a number that no device has"
    }
    const common = { path, kind, metadata, size: 0, chunks: new Uint8Array(0) }
    if (kind === "symlink") return { ...common, target: link }
    if (kind === "character" || kind === "block") return { ...common, rdev }
    if (kind !== "file") return common
    return { ...common, size, chunks: encodePlace(member), ...(member.segments === undefined ? {} : { sparse: true }) }
  }

  #link(path: string, link: string): StoredEntry | string {
    const target = pathOf(link)
    const found = target === undefined ? undefined : this.#tree.lookup(target)
    if (found === undefined || found.kind === "directory") {
      return `Left out: it is a hard link to "${displayPath(link)}", which is not a file before it in the archive`
    }
    if (found.kind === "file") {
      this.linked.add(decodePlace(found.chunks).offset)
      return { ...found, path }
    }
    const { linkTo = String(this.#things++) } = found
    if (found.linkTo === undefined) this.#tree.apply({ op: "put", entry: { ...found, linkTo } })
    return { ...found, path, linkTo }
  }

  /** What is above the path and not a directory. */
  #obstacle(path: string): string | undefined {
    for (let at = parentPath(path); at !== ""; at = parentPath(at)) {
      const entry = this.#tree.lookup(at)
      if (entry !== undefined) return entry.kind === "directory" ? undefined : at
    }
    return undefined
  }
}

/** A name of an archive as the path of an entry; undefined when it has a component `..`. */
const pathOf = (name: string): string | undefined => {
  const components = name.split("/").filter((component) => component !== "" && component !== ".")
  return components.includes("..") ? undefined : components.join("/")
}

/**
 * Makes entries, in the order of the stream: of paths of one thing the first has its content, the others link to that.
 */
const linking = (linked: ReadonlySet<number>) => {
  const first = new Map<number | string, string>()
  return ({ chunks, ...entry }: StoredEntry, read: TarArchive["content"]): Entry => {
    if (entry.kind !== "file") {
      const { linkTo: thing, ...alone } = entry
      if (thing === undefined) return alone
      const linkTo = first.get(thing)
      if (linkTo === undefined) first.set(thing, entry.path)
      return linkTo === undefined ? alone : { ...alone, linkTo }
    }
    const { offset, segments, stored } = decodePlace(chunks)
    const { path, size } = entry
    const content: Content = segments === undefined
      ? stored === 0 ? new Uint8Array(0) : read(path, offset, stored)
      : withHoles(segments, size, (from, length) =>
        contentStream({ ...entry, content: read(path, offset + from, length) }))
    const linkTo = first.get(offset)
    if (linkTo === undefined && linked.has(offset)) first.set(offset, path)
    return linkTo === undefined ? { ...entry, content } : { ...entry, content, linkTo }
  }
}

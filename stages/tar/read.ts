/** Reads a tar archive as a stream of entries. */
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
import { withHoles } from "./holes.ts"

/** An archive that is read once in order, and then anywhere. */
export interface TarArchive<E = never, R = never> {
  /** All of it, from the first byte to the last. Read once. */
  readonly bytes: Stream.Stream<Uint8Array, E, R>
  /** A part of the archive that `bytes` has already given; offset and length in bytes. `path` is for messages. */
  readonly content: (path: string, offset: number, length: number) => Content
}

/**
 * An archive that is in memory. Contents are views of `bytes`, so do not change it.
 *
 * @example Read an archive that a program made
 * ```ts
 * import assert from "node:assert"
 * import { memorySource, readTar, tarInMemory, writeTar } from "@penstock/penstock"
 * import { sqliteEngine } from "@penstock/penstock/adapters"
 * import { Effect, Stream } from "effect"
 *
 * const entries = memorySource({ "note.txt": { content: "hello" } }).entries("", {})
 * const program = Effect.gen(function* () {
 *   const pieces = yield* Stream.runCollect(writeTar(entries))
 *   const archive = tarInMemory(new Uint8Array(Buffer.concat(pieces)))
 *   return yield* Stream.runCollect(readTar(archive))
 * })
 * const read = await Effect.runPromise(Effect.provide(Effect.scoped(program), sqliteEngine))
 * assert.deepEqual(read.map(({ path }) => path), ["", "note.txt"])
 * ```
 */
export const tarInMemory = (bytes: Uint8Array): TarArchive => ({
  bytes: Stream.succeed(bytes),
  content: (_path, offset, length) => bytes.subarray(offset, offset + length),
})

/** Options of {@link readTar}. */
export interface ReadTarOptions {
  /** Called for each member that is left out. `path` is its name in the archive. */
  readonly problem?: (problem: { readonly path: string; readonly message: string }) => void
}

/**
 * The entries of a tar archive, in the order of a walk, whatever their order in the archive. The archive is read to its
 * end before the first entry comes, so a damaged archive gives no entry: the stream fails with {@link TarError}. A
 * temporary database holds the list of the members meanwhile, and fails with SqliteError.
 *
 * Reads the forms of POSIX (ustar and pax), of GNU tar and of the seventh edition of Unix, and files with holes in all
 * four forms. The last of several members with one name counts. Slashes at the start of names are dropped. Extended
 * attributes are not read.
 *
 * A member is left out, and `problem` is called, when its name has a component `..`, when it lies beneath something
 * that is not a directory in the archive (a symlink, for example), or when it is of a kind that entries do not have.
 *
 * @example Say which members are left out
 * ```ts
 * import assert from "node:assert"
 * import { readTar, tarInMemory } from "@penstock/penstock"
 * import { sqliteEngine } from "@penstock/penstock/adapters"
 * import { Effect, Stream } from "effect"
 *
 * // The end of an archive: two blocks of zeros.
 * const archive = tarInMemory(new Uint8Array(1024))
 * const leftOut: Array<string> = []
 * const entries = readTar(archive, { problem: ({ path }) => leftOut.push(path) })
 * const read = await Effect.runPromise(Effect.provide(Effect.scoped(Stream.runCollect(entries)), sqliteEngine))
 * assert.deepEqual([read.map(({ path }) => path), leftOut], [[], []])
 * ```
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
      problem({ path: "", message: "Bytes after the end of the archive are not read" })
    }
    const entryOf = linking(members.linked)
    return Stream.map(paged(() => tree.entries()), (stored) => entryOf(stored, archive.content))
  }))

/** Runs synchronous code that may throw {@link TarError} or {@link SqliteError}. */
const parsing = <A>(run: () => A): Effect.Effect<A, TarError | SqliteError> =>
  Effect.flatten(catching(SqliteError, () => catching(TarError, run))) as Effect.Effect<A, TarError | SqliteError>

const KINDS: Readonly<Record<string, StoredKind>> = {
  "0": "file",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  // Incremental archives have directories with a list of their names.
  "D": "directory",
}
/** The type of a volume's label, which is no entry. */
const LABEL = "V"
const HARD_LINK = "1"

/** Puts members into a tree. */
class Members {
  /** Places in the archive that several paths share. */
  readonly linked: Set<number> = new Set()
  /**
   * How many things other than files have several paths. In the tree, `linkTo` of their entries is the number of the
   * thing instead of a path.
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

  /** The entry to put, or the reason why not. */
  #entryOf(member: Member): StoredEntry | string {
    const { link, metadata, rdev, size, type } = member
    const path = pathOf(member.name)
    if (path === undefined) return 'Left out: its name has a component "..", which could lead anywhere'
    const kind = KINDS[type]
    if (kind === undefined && type !== HARD_LINK) {
      return `Left out: its type "${displayPath(type)}" is not known`
    }
    if (path === "" && kind !== "directory") return "Left out: only a directory can be the root"
    if (path.includes("\0")) return "Left out: its name has a NUL character"
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
    if (kind === "symlink" && (link === "" || link.includes("\0"))) {
      return "Left out: the target of the link is empty or has a NUL character"
    }
    if ([rdev.major, rdev.minor].some((number) => number < 0 || number > 0xffffffff)) {
      return "Left out: its device number is out of range"
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

  /** The path above `path` that is not a directory; undefined when there is none. */
  #obstacle(path: string): string | undefined {
    for (let at = parentPath(path); at !== ""; at = parentPath(at)) {
      const entry = this.#tree.lookup(at)
      if (entry !== undefined) return entry.kind === "directory" ? undefined : at
    }
    return undefined
  }
}

/** The path of an entry, from a name in an archive. Undefined when the name has a component `..`. */
const pathOf = (name: string): string | undefined => {
  const components = name.split("/").filter((component) => component !== "" && component !== ".")
  return components.includes("..") ? undefined : components.join("/")
}

/**
 * Makes entries, in the order of the stream. When several paths are one thing, the first has its content, and the
 * others link to the first.
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

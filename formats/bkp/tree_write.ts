/**
 * Writes the tree of a snapshot. Entries arrive depth-first, a directory before what is in it, but a tree object needs
 * the IDs of its children. So the writer holds the names and IDs of the children of open directories, and nothing else.
 */
import * as Effect from "effect/Effect"
import { chunkCount, chunkId } from "../../stages/hash/chunk_list.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import { type Hasher, ID_BYTES, makeKernel } from "../../stages/kernel/kernel.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { compareNames } from "../../stages/walk/order.ts"
import {
  baseName,
  displayPath,
  joinPath,
  parentPath,
  pathFromBytes,
  pathProblem,
  pathToBytes,
} from "../../stages/walk/path.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { toAttributes, withAccess } from "./attributes.ts"
import { type EarlierDirectory, type EarlierNode, type EarlierTree, isWithin } from "./earlier_tree.ts"
import { OBJECT_BYTES } from "./limits.ts"
import { type ObjectIndex, PENDING } from "./object_index.ts"
import type { ObjectWriter } from "./object_writer.ts"
import {
  type Attributes,
  encodeNode,
  FILE,
  MAXIMUM_NAME,
  type NodeObject,
  setCreateTime,
  SYMLINK,
  TREE,
} from "./objects.ts"
import { compareIds, type Packable } from "./packfile.ts"

/** More IDs would exceed the limit of an object, whose name and attributes take less than 128 KiB. */
const MAXIMUM_IDS = (OBJECT_BYTES - (128 << 10)) / ID_BYTES

/** Only longer paths can have a name that is too long: a UTF-16 unit is at most three bytes of UTF-8. */
const LONG_PATH = MAXIMUM_NAME / 3

/** The modes of entries whose source knows none. */
const USUAL = { directory: 0o755, file: 0o644, symlink: 0o777 } as const

/** A directory whose children are still arriving. */
interface OpenDirectory {
  readonly path: string
  attributes: Attributes
  /** Whether the directory itself has arrived, and not only something beneath it. */
  given: boolean
  readonly earlier: EarlierDirectory | undefined
  readonly names: Array<string>
  ids: Uint8Array
}

/** How a tree is written. */
export interface TreeOptions {
  readonly index: ObjectIndex
  readonly writer: ObjectWriter
  /** The tree of the client's latest snapshot. Objects that differ only in their time of creation are used again. */
  readonly earlier: EarlierTree
  /** Time of creation of new objects, in seconds since 1970. */
  readonly createTime: bigint
  /** All entries are beneath this path. Everything elsewhere is carried over from the earlier tree. */
  readonly part: string
}

/** Writes one tree, from entries to the root. */
export class TreeWriter {
  readonly #options: TreeOptions
  readonly #hasher: Hasher
  readonly #open: Array<OpenDirectory> = []
  #fresh: Array<Packable> = []

  constructor(options: TreeOptions, hasher: Hasher = makeKernel(sha256)) {
    this.#options = options
    this.#hasher = hasher
  }

  /** Adds entries with stored content. Fails with `unsupported` if a path comes twice or is not valid. */
  add: (entries: ReadonlyArray<Stored>) => Effect.Effect<void, FormatError> = Effect.fnUntraced(
    { self: this },
    function* (entries) {
      for (const entry of entries) {
        if (entry.kind === "unreadable") continue
        yield* checkPath(entry)
        const above = entry.path === "" ? undefined : parentPath(entry.path)
        if (above !== undefined && this.#open.at(-1)?.path !== above) yield* this.#goTo(above)
        if (entry.kind === "directory") yield* this.#directory(entry)
        else yield* this.#leaf(entry)
      }
      yield* this.#store
    },
  )

  /** Ends the tree and returns the ID of its root. */
  readonly finish: Effect.Effect<Uint8Array, FormatError> = Effect.gen({ self: this }, function* () {
    yield* this.#goTo(this.#options.part === "" ? "" : parentPath(this.#options.part))
    while (this.#open.length > 1) yield* this.#close()
    const root = yield* this.#treeOf(this.#open.pop()!)
    yield* this.#store
    return root
  })

  readonly #store: Effect.Effect<void, FormatError> = Effect.suspend(() => {
    const fresh = this.#fresh
    this.#fresh = []
    return this.#options.writer.add(fresh)
  })

  /** Closes and opens directories until the one at `path` is the innermost. */
  #goTo: (path: string) => Effect.Effect<void, FormatError> = Effect.fnUntraced({ self: this }, function* (path) {
    while (this.#open.length > 1 && !isWithin(path, this.#open.at(-1)!.path)) yield* this.#close()
    if (this.#open.length === 0) yield* this.#begin("")
    for (;;) {
      const { path: at } = this.#open.at(-1)!
      if (at === path) return
      const start = at === "" ? 0 : at.length + 1
      const slash = path.indexOf("/", start)
      yield* this.#begin(slash < 0 ? path : path.slice(0, slash))
    }
  })

  /** Opens a directory, whether or not it has arrived itself. */
  #begin: (path: string) => Effect.Effect<OpenDirectory, FormatError> = Effect.fnUntraced(
    { self: this },
    function* (path) {
      const earlier = yield* this.#options.earlier.directory(path)
      const attributes = earlier !== undefined && this.#isAbove(path)
        ? earlier.node.attributes
        : toAttributes({}, USUAL.directory, true)
      const open: OpenDirectory = {
        path,
        attributes,
        given: false,
        earlier,
        names: [],
        ids: new Uint8Array(8 * ID_BYTES),
      }
      this.#open.push(open)
      return open
    },
  )

  /** Whether a directory is above the part, so that its attributes and other children are carried over. */
  #isAbove(path: string): boolean {
    const { part } = this.#options
    return path !== part && isWithin(part, path)
  }

  #directory: (entry: Stored) => Effect.Effect<void, FormatError> = Effect.fnUntraced(
    { self: this },
    function* ({ metadata, path }) {
      if (path === "" && this.#open.length === 0) yield* this.#begin("")
      const open = path === "" ? this.#open[0]! : yield* this.#begin(path)
      if (open.given || (path === "" && open.names.length > 0)) return yield* twice(path)
      open.attributes = toAttributes(metadata, USUAL.directory)
      open.given = true
    },
  )

  #leaf: (entry: Stored) => Effect.Effect<void, FormatError> = Effect.fnUntraced({ self: this }, function* (entry) {
    const open = this.#open.at(-1)!
    const name = baseName(entry.path)
    const earlier = open.earlier === undefined ? undefined : yield* open.earlier.find(name)
    const isFile = entry.kind === "file"
    if (chunkCount(entry.chunks) > MAXIMUM_IDS) {
      return yield* refuse(entry.path, "has more chunks than this format can hold")
    }
    yield* this.#append(
      open,
      name,
      this.#object({
        type: isFile ? FILE : SYMLINK,
        name: pathToBytes(name),
        attributes: toAttributes(entry.metadata, isFile ? USUAL.file : USUAL.symlink),
        body: isFile ? idsOf(entry.chunks) : pathToBytes(entry.target ?? ""),
      }, earlier),
    )
  })

  /** Makes an object and returns its ID: that of the earlier object if only the time of creation would differ. */
  #object(node: Omit<NodeObject, "createTime">, earlier: EarlierNode | undefined): Uint8Array {
    const { createTime, index } = this.#options
    const attributes = withAccess(node.attributes, earlier?.node.attributes)
    const bytes = encodeNode({ ...node, attributes, createTime: earlier?.node.createTime ?? createTime })
    let id = this.#hasher.digest(bytes)
    if (earlier !== undefined) {
      if (compareIds(id, earlier.id) === 0) return earlier.id
      setCreateTime(bytes, createTime)
      id = this.#hasher.digest(bytes)
    }
    if (index.find(id) < 0) {
      index.set(id, PENDING, 0, bytes.length)
      this.#fresh.push({ id, bytes })
    }
    return id
  }

  #append(open: OpenDirectory, name: string, id: Uint8Array): Effect.Effect<void, RepositoryError> {
    const at = open.names.length * ID_BYTES
    if (open.names.length === MAXIMUM_IDS) return refuse(open.path, "has more entries than this format can hold")
    if (at === open.ids.length) {
      const grown = new Uint8Array(Math.min(at * 2, MAXIMUM_IDS * ID_BYTES))
      grown.set(open.ids)
      open.ids = grown
    }
    open.ids.set(id, at)
    open.names.push(name)
    return Effect.void
  }

  /** Ends the innermost directory. */
  #close: () => Effect.Effect<void, FormatError> = Effect.fnUntraced({ self: this }, function* () {
    const open = this.#open.pop()!
    yield* this.#append(this.#open.at(-1)!, baseName(open.path), yield* this.#treeOf(open))
  })

  #treeOf: (open: OpenDirectory) => Effect.Effect<Uint8Array, FormatError> = Effect.fnUntraced(
    { self: this },
    function* (open) {
      if (open.earlier !== undefined && this.#isAbove(open.path)) yield* this.#carryOver(open, open.earlier)
      const { ids, names } = open
      const order = Uint32Array.from(names.keys()).sort((a, b) => compareNames(names[a]!, names[b]!))
      const body = new Uint8Array(order.length * ID_BYTES)
      for (const [i, from] of order.entries()) {
        if (i > 0 && names[order[i - 1]!] === names[from]) return yield* twice(joinPath(open.path, names[from]!))
        body.set(ids.subarray(from * ID_BYTES, (from + 1) * ID_BYTES), i * ID_BYTES)
      }
      const node = { type: TREE, name: pathToBytes(baseName(open.path)), attributes: open.attributes, body } as const
      return this.#object(node, open.earlier)
    },
  )

  /** Adds the earlier children of a directory above the part, except the one that leads to it. */
  #carryOver: (open: OpenDirectory, earlier: EarlierDirectory) => Effect.Effect<void, FormatError> = Effect.fnUntraced(
    { self: this },
    function* (open, earlier) {
      const start = open.path === "" ? 0 : open.path.length + 1
      const way = this.#options.part.slice(start).split("/", 1)[0]
      for (const child of earlier.children()) {
        const { id, node } = yield* child
        const name = pathFromBytes(node.name)
        if (name !== way) yield* this.#append(open, name, id)
      }
    },
  )
}

const checkPath = ({ kind, path }: Stored): Effect.Effect<void, RepositoryError> => {
  const problem = pathProblem(path) ??
    (path === "" && kind !== "directory" ? "only a directory can be the root" : undefined) ??
    (path.length > LONG_PATH && path.split("/").some((name) => pathToBytes(name).length > MAXIMUM_NAME)
      ? `it has a name of more than ${MAXIMUM_NAME} bytes`
      : undefined)
  return problem === undefined ? Effect.void : refuse(path, `cannot be stored: ${problem}`)
}

/** The IDs of a chunk list without the lengths. */
const idsOf = (chunks: Uint8Array): Uint8Array => {
  const ids = new Uint8Array(chunkCount(chunks) * ID_BYTES)
  for (let i = 0; i < chunkCount(chunks); i++) ids.set(chunkId(chunks, i), i * ID_BYTES)
  return ids
}

const refuse = (path: string, what: string): Effect.Effect<never, RepositoryError> =>
  Effect.fail(new RepositoryError({ reason: "unsupported", message: `"${displayPath(path)}" ${what}` }))

const twice = (path: string): Effect.Effect<never, RepositoryError> =>
  refuse(path, "comes twice in the entries of this backup")

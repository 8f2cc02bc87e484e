/** Writes the listings of all directories in JSON, from the deepest up. SPEC.md, "Writing". */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import type { Hasher } from "../../stages/kernel/kernel.ts"
import { parentPath } from "../../stages/walk/path.ts"
import type { FormatError } from "../error.ts"
import type { BlockStore } from "./block_store.ts"
import { EnvelopeWriter } from "./block_write.ts"
import type { DataRef } from "./bptr.ts"
import { startEncoder } from "./envelope.ts"
import { writing } from "./errors.ts"
import { hostOf } from "./hosts.ts"
import { encodeEntry } from "./json_listing.ts"
import type { Opened } from "./opened.ts"
import type { RunIndex } from "./run_index.ts"

/** A listing of at most this many bytes is made once, and kept while it is hashed. */
const KEPT_BYTES = 1 << 20
/** How much text is encoded at once, in UTF-16 code units. */
const PIECE_CHARACTERS = 16 << 10
/** Bytes of the listing of an empty directory: `[]` and a line feed. */
const EMPTY_BYTES = 3

/** A directory whose listing is not placed yet. */
interface Directory {
  readonly path: string
  /** How many directories in it have listings that are not placed yet. */
  waiting: number
  /** Whether all entries in it are known. */
  closed: boolean
}

/**
 * Writes the listings of all directories of the tree that are not empty. A listing that is the same in the parent is
 * not written again. Gives the listing of the root directory, which is written even when it is empty; undefined when
 * the tree has no root directory.
 *
 * A listing names where the listings of its directories are, and those may lie in a partial block that is not complete.
 * So a directory waits, in memory, for the directories in it. At most as many wait as a block has tails, and the
 * directories above them.
 */
export const writeListings: (
  opened: Opened,
  blocks: BlockStore,
  index: RunIndex,
  tree: Tree,
  host: string,
) => Effect.Effect<DataRef | undefined, FormatError> = Effect.fnUntraced(function* (opened, blocks, index, tree, host) {
  const { gzip, keys } = opened
  const directories = new Map<string, Directory>()
  const ready: Array<Directory> = []
  let top: DataRef | undefined

  /** The listing of a directory is placed, so the directory above may be ready. */
  const placed = (path: string, ref: DataRef | undefined): void => {
    if (ref !== undefined) index.addListing("new", path, ref)
    directories.delete(path)
    if (path === "") {
      top = ref
      return
    }
    const above = directories.get(parentPath(path))!
    if (--above.waiting === 0 && above.closed) ready.push(above)
  }
  const close = (directory: Directory): void => {
    directory.closed = true
    if (directory.waiting === 0) ready.push(directory)
  }

  const write = Effect.fnUntraced(function* ({ path }: Directory) {
    const text = () => listingText(tree, index, path, host)
    const { kept, ...found } = yield* writing(() => hashPieces(keys.hasher, text()))
    if (found.size === EMPTY_BYTES && path !== "") return placed(path, undefined)
    const old = yield* writing(() => index.listing("old", path))
    if (
      old !== undefined && old.size === found.size && found.sha256.every((byte, i) => byte === old.sha256[i]) &&
      (yield* blocks.has(old.bptr))
    ) return yield* writing(() => placed(path, old))
    const envelope = new EnvelopeWriter(
      blocks.writer,
      startEncoder(keys, { gzip: { kernel: gzip, adaptive: false } }),
    )
    for (const piece of kept ?? text()) {
      yield* writing(() => envelope.push(piece))
      yield* blocks.flushWhenFull
    }
    yield* writing(() => envelope.end((bptr) => placed(path, { ...found, bptr })))
    yield* blocks.flushWhenFull
  })
  const writeReady = Effect.fnUntraced(function* () {
    for (let next = ready.pop(); next !== undefined; next = ready.pop()) yield* write(next)
  })

  /** The directories that the walk is in, from the root down. */
  const open: Array<Directory> = []
  const all = yield* writing(() => tree.entries())
  for (;;) {
    const { done, value } = yield* writing(() => all.next())
    const path = done === true ? undefined : value.kind === "directory" ? value.path : parentPath(value.path)
    while (open.length > 0 && (path === undefined || !isWithin(path, open[open.length - 1]!.path))) {
      close(open.pop()!)
      yield* writeReady()
    }
    if (done === true) break
    if (value.kind !== "directory") continue
    const directory: Directory = { path: value.path, waiting: 0, closed: false }
    directories.set(value.path, directory)
    const above = open[open.length - 1]
    if (above !== undefined) above.waiting++
    open.push(directory)
  }
  while (directories.size > 0) {
    yield* writing(() => blocks.writer.completePartial())
    yield* writeReady()
  }
  yield* blocks.flush
  return top
})

const isWithin = (path: string, directory: string): boolean =>
  directory === "" || path === directory || path.startsWith(`${directory}/`)

/** The JSON of the listing of a directory, in pieces. */
function* listingText(tree: Tree, index: RunIndex, path: string, host: string): Generator<Uint8Array, void> {
  const encoder = new TextEncoder()
  let text = "["
  let between = ""
  for (const entry of tree.children(path)) {
    const listing = entry.kind === "directory" ? index.listing("new", entry.path) : undefined
    text += between + encodeEntry(entry, listing, hostOf(index, entry, host))
    between = ",\n"
    if (text.length < PIECE_CHARACTERS) continue
    yield encoder.encode(text)
    text = ""
  }
  yield encoder.encode(`${text}]\n`)
}

/** Hashes and counts pieces of bytes. Keeps them when they are not long. */
const hashPieces = (
  hasher: Hasher,
  pieces: Iterable<Uint8Array>,
): { readonly sha256: Uint8Array; readonly size: number; readonly kept: ReadonlyArray<Uint8Array> | undefined } => {
  const state = hasher.create()
  let kept: Array<Uint8Array> | undefined = []
  let size = 0
  for (const piece of pieces) {
    state.update(piece)
    size += piece.length
    if (size > KEPT_BYTES) kept = undefined
    kept?.push(piece)
  }
  return { sha256: state.digest(), size, kept: kept && [concat(kept)] }
}

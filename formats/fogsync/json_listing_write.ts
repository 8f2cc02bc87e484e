/** Writes the listings of all directories, from the deepest up. SPEC.md, "Writing". */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import type { Hasher } from "../../stages/kernel/kernel.ts"
import { parentPath } from "../../stages/walk/path.ts"
import type { FormatError } from "../error.ts"
import type { Ref } from "./bptr.ts"
import { EnvelopeWriter } from "./block_write.ts"
import { startEncoder } from "./envelope.ts"
import { writing } from "./errors.ts"
import type { RunIndex } from "./run_index.ts"
import { hostOf } from "./hosts.ts"
import { entryText } from "./json_listing.ts"
import type { Opened } from "./opened.ts"
import type { BlockStore } from "./block_store.ts"

/** A listing up to this length is made once, and kept while it is hashed. */
const KEPT_BYTES = 1 << 20
/** Text that is encoded at once. */
const PIECE_CHARACTERS = 16 << 10

/** A directory whose listing is not placed yet. */
interface Directory {
  readonly path: string
  /** Directories in it whose listings are not placed yet. */
  waiting: number
  /** All entries in it are known. */
  closed: boolean
}

/**
 * Writes listings for all directories of the tree that are not empty; one that is as in the parent is not written
 * again. Gives that of the root directory, which is written even when it is empty; undefined when there is none.
 *
 * A listing names where those of the directories in it are, and these may be in a partial block that is not complete.
 * So directories wait, in memory, for those in them; never more than a block has tails, and the directories above
 * these.
 */
export const writeListings: (
  opened: Opened,
  blocks: BlockStore,
  known: RunIndex,
  tree: Tree,
  host: string,
) => Effect.Effect<Ref | undefined, FormatError> = Effect.fnUntraced(function* (opened, blocks, known, tree, host) {
  const { gzip, keys } = opened
  const directories = new Map<string, Directory>()
  const ready: Array<Directory> = []
  let top: Ref | undefined

  /** Whatever it takes to place a listing was done: those above may go on. */
  const placed = (path: string, ref: Ref | undefined): void => {
    if (ref !== undefined) known.addListing("new", path, ref)
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
    const text = () => listingText(tree, known, path, host)
    const { empty, kept, ...found } = yield* writing(() => hashed(keys.hasher, text()))
    if (empty && path !== "") return placed(path, undefined)
    const old = yield* writing(() => known.listing("old", path))
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

/** The listing of a directory, in pieces. */
function* listingText(tree: Tree, known: RunIndex, path: string, host: string): Generator<Uint8Array, void> {
  const encoder = new TextEncoder()
  let text = "["
  let between = ""
  for (const entry of tree.children(path)) {
    const listing = entry.kind === "directory" ? known.listing("new", entry.path) : undefined
    text += between + entryText(entry, listing, hostOf(known, entry, host))
    between = ",\n"
    if (text.length < PIECE_CHARACTERS) continue
    yield encoder.encode(text)
    text = ""
  }
  yield encoder.encode(`${text}]\n`)
}

const hashed = (hasher: Hasher, pieces: Iterable<Uint8Array>) => {
  const state = hasher.create()
  let kept: Array<Uint8Array> | undefined = []
  let size = 0
  for (const piece of pieces) {
    state.update(piece)
    size += piece.length
    if (size > KEPT_BYTES) kept = undefined
    kept?.push(piece)
  }
  // "[]" and the end of the line.
  return { sha256: state.digest(), size, empty: size === 3, kept: kept && [concat(kept)] }
}

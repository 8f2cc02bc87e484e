/** Makes entries fit into what a format or target keeps, and counts what is lost, so that no loss stays silent. */
import * as Stream from "effect/Stream"
import { type Fidelity, TIMES_OF_64_BITS } from "./fidelity.ts"
import type { Entry, EntryKind } from "./entry.ts"
import { isByteName } from "./path.ts"

/** Something that entries lost because it was not kept. */
export interface Loss {
  /** What was lost, in words that fit before "of 3 entries": `owners`, `fractions of a second of mtimes`. */
  readonly what: string
  /** How many entries lost it. */
  readonly entries: number
  /** The path of one of them. */
  readonly example: string
}

/**
 * Counts what entries lost.
 *
 * @example Count two losses of one kind
 * ```ts
 * import assert from "node:assert/strict"
 * import { Losses } from "@penstock/penstock"
 *
 * const losses = new Losses()
 * losses.add("owners", "a.txt")
 * losses.add("owners", "b.txt")
 * assert.deepEqual(losses.all, [{ what: "owners", entries: 2, example: "a.txt" }])
 * ```
 */
export class Losses {
  readonly #found = new Map<string, { entries: number; example: string }>()

  /** Counts the loss of one entry. The path of the first one is kept as the example. */
  add(what: string, path: string): void {
    const found = this.#found.get(what)
    if (found === undefined) this.#found.set(what, { entries: 1, example: path })
    else found.entries++
  }

  /** All losses so far, the most frequent first. */
  get all(): ReadonlyArray<Loss> {
    return Array.from(this.#found, ([what, loss]) => ({ what, ...loss })).sort((a, b) => b.entries - a.entries)
  }
}

const OWNERS = "owners"
const PERMISSIONS = "permissions"
const MTIMES = "mtimes"
const LINKS = "hard links (each path becomes a file of its own)"
const HOLES = "holes (they become zeros)"

/**
 * A stage that makes entries fit into what a format or target keeps. An entry becomes `unreadable` when its kind or its
 * name cannot be kept at all. Everything else that is lost is counted in `losses`.
 *
 * @example See what a format without owners loses
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { type Fidelity, Losses, memorySource, represent } from "@penstock/penstock"
 *
 * const fidelity: Fidelity = {
 *   kinds: ["file", "directory"],
 *   mode: true,
 *   owner: false,
 *   mtime: 1,
 *   hardlinks: true,
 *   sparse: true,
 *   byteNames: true,
 * }
 * const losses = new Losses()
 * const entries = memorySource({ "a.txt": { content: "Hello", uid: 1000 } }).entries("", {})
 * await Effect.runPromise(Stream.runDrain(represent(fidelity, losses)(entries)))
 * assert.deepEqual(losses.all, [{ what: "owners", entries: 1, example: "a.txt" }])
 * ```
 */
export const represent = (
  fidelity: Fidelity,
  losses: Losses,
): <A extends Entry, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R> =>
<A extends Entry, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.map(self, (given) => {
    if (given.kind === "unreadable") return given
    const entry = given.lost === undefined ? given : withoutLost(given, losses)
    const problem = whyNot(fidelity, entry)
    if (problem !== undefined) {
      const { content: _content, linkTo: _linkTo, ...rest } = entry
      return { ...rest, kind: "unreadable", size: 0, problem } as A
    }
    const { linkTo, metadata, path, sparse } = entry
    if (!fidelity.owner && (metadata.uid !== undefined || metadata.user !== undefined)) losses.add(OWNERS, path)
    if (losesMode(fidelity, entry)) losses.add(PERMISSIONS, path)
    if (metadata.mtime !== undefined) {
      const what = lostOfTime(fidelity, metadata.mtime)
      if (what !== undefined) losses.add(what, path)
    }
    if (sparse === true && !fidelity.sparse) losses.add(HOLES, path)
    if (linkTo === undefined || fidelity.hardlinks) return entry
    losses.add(LINKS, path)
    const { linkTo: _linkTo, ...rest } = entry
    return rest as A
  })

/**
 * What a target that keeps `to` loses of what a source that keeps `from` has. Gives one clause for each loss, in the
 * words of `Loss.what`, and none when nothing is lost. Times that hardly any file has are not mentioned.
 *
 * @example Compare what two sides keep
 * ```ts
 * import assert from "node:assert/strict"
 * import { lossesBetween, memorySource } from "@penstock/penstock"
 *
 * const { fidelity } = memorySource({})
 * assert.deepEqual(lossesBetween(fidelity, { ...fidelity, owner: false }), ["owners"])
 * ```
 */
export const lossesBetween = (from: Fidelity, to: Fidelity): ReadonlyArray<string> => [
  ...from.kinds.filter((kind) => kind !== "unreadable" && !to.kinds.includes(kind)).map((kind) => PLURALS[kind]),
  ...(from.byteNames && !to.byteNames ? ["names that are not UTF-8"] : []),
  ...(from.owner && !to.owner ? [OWNERS] : []),
  ...(from.mode === to.mode || from.mode === false || to.mode === true ? [] : [PERMISSIONS]),
  ...(from.mtime === undefined || (to.mtime !== undefined && to.mtime <= from.mtime)
    ? []
    : [to.mtime === undefined ? MTIMES : finerThan(to.mtime)]),
  ...(from.mtime === undefined || to.mtimeFrom === undefined || to.mtimeFrom <= TIMES_OF_64_BITS.mtimeFrom ||
      (from.mtimeFrom !== undefined && from.mtimeFrom >= to.mtimeFrom)
    ? []
    : [`mtimes before ${yearOf(to.mtimeFrom)}`]),
  ...(from.hardlinks && !to.hardlinks ? [LINKS] : []),
  ...(from.sparse && !to.sparse ? [HOLES] : []),
]

/** Counts what the source could not tell, and removes it from the entry. */
const withoutLost = <A extends Entry>({ lost, ...entry }: A, losses: Losses): A => {
  losses.add(lost!, entry.path)
  return entry as unknown as A
}

const lostOfTime = ({ mtime, mtimeFrom, mtimeTo }: Fidelity, time: bigint): string | undefined => {
  if (mtime === undefined) return MTIMES
  if (mtimeFrom !== undefined && time < mtimeFrom) return `mtimes before ${yearOf(mtimeFrom)}`
  if (mtimeTo !== undefined && time > mtimeTo) return `mtimes after ${yearOf(mtimeTo)}`
  return mtime === 1 || time % BigInt(mtime) === 0n ? undefined : finerThan(mtime)
}

/** The year that a time is in. */
const yearOf = (time: bigint): number => new Date(Number(time / 1_000_000n)).getUTCFullYear()

const finerThan = (nanoseconds: number): string =>
  nanoseconds >= 1_000_000_000
    ? "fractions of a second of mtimes"
    : nanoseconds >= 1_000_000
    ? "fractions of a millisecond of mtimes"
    : `what mtimes have beneath ${nanoseconds} ns`

/** When only the execute bit is kept, only files with the usual permissions get them back. */
const losesMode = (fidelity: Fidelity, { kind, metadata: { mode } }: Entry): boolean => {
  if (fidelity.mode === true || mode === undefined) return false
  return fidelity.mode === false || kind !== "file" || (mode !== 0o644 && mode !== 0o755)
}

const PLURALS: Record<EntryKind, string> = {
  file: "files",
  directory: "directories",
  symlink: "symbolic links",
  fifo: "FIFOs",
  socket: "sockets",
  character: "character devices",
  block: "block devices",
  unreadable: "what cannot be read",
}

const whyNot = (fidelity: Fidelity, { kind, path }: Entry): string | undefined => {
  if (!fidelity.kinds.includes(kind)) return `The format cannot hold ${PLURALS[kind]}, and it is left out`
  if (!fidelity.byteNames && isByteName(path)) {
    return "Its path is not UTF-8, which the format cannot hold, and it is left out"
  }
  return undefined
}

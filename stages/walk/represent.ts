/** What becomes of entries that a format cannot hold whole: nothing is left out in silence. */
import * as Stream from "effect/Stream"
import { type Fidelity, TIMES_OF_64_BITS } from "./fidelity.ts"
import type { Entry, EntryKind } from "./entry.ts"
import { isByteName } from "./path.ts"

/** Something about entries that was not kept. */
export interface Loss {
  /** What, in words that go before "of 3 entries": `owners`, `permissions`, `fractions of a second of mtimes`. */
  readonly what: string
  /** How many entries lost it. */
  readonly entries: number
  /** The path of one of them. */
  readonly example: string
}

/** Counts losses. */
export class Losses {
  readonly #found = new Map<string, { entries: number; example: string }>()

  /** Counts one loss, and keeps the path while there are few. */
  add(what: string, path: string): void {
    const found = this.#found.get(what)
    if (found === undefined) this.#found.set(what, { entries: 1, example: path })
    else found.entries++
  }

  /** What was lost so far, the most frequent first. */
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
 * An entry of a kind, or with a name, that cannot be kept at all becomes `unreadable`; for anything else that is lost,
 * `losses` counts it.
 */
export const represent = (
  fidelity: Fidelity,
  losses: Losses,
): <A extends Entry, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R> =>
<A extends Entry, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.map(self, (given) => {
    if (given.kind === "unreadable") return given
    const entry = given.lost === undefined ? given : told(given, losses)
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
 * What a target with the second fidelity loses of what a source with the first one keeps: clauses, none when it keeps
 * all. Of times that hardly any file has nothing is said.
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

/** Counts what the source did not tell, which goes no further. */
const told = <A extends Entry>({ lost, ...entry }: A, losses: Losses): A => {
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

/** With the execute bit alone, only the usual permissions come back the same. */
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

/** Brings together the entries of two snapshots that have the same path. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { catching } from "../stages/kernel/catching.ts"
import type { Entry } from "../stages/walk/entry.ts"
import { compareEntries, ENTRY_ORDERS, type EntryOrder } from "../stages/walk/entry_order.ts"
import { displayPath } from "../stages/walk/path.ts"
import { type FormatError, RepositoryError } from "./error.ts"

/** What two snapshots have at one path: at least one of the two. Both are directories, or none is. */
export interface Pair<A> {
  readonly before?: A
  readonly after?: A
}

/** Entries in depth-first order. */
export type Entries<A> = Stream.Stream<A, FormatError>

/** Whether both are directories, or none is. Otherwise one is removed, and the other is something new. */
const isPair = (one: Entry, other: Entry): boolean => (one.kind === "directory") === (other.kind === "directory")

/**
 * Merges the entries of two snapshots. Without an order, finds out whether both have the same, which reads them once
 * more; only if they differ, it keeps all entries of the second in memory.
 */
export const merge = <A extends Entry>(
  before: Entries<A>,
  after: Entries<A>,
  order: EntryOrder | undefined,
): Stream.Stream<Pair<A>, FormatError> =>
  order !== undefined ? mergeOrdered(before, after, order) : Stream.unwrap(Effect.gen(function* () {
    const own = yield* ordersOf(before)
    const first = own.length === 0 ? undefined : (yield* ordersOf(after)).find((order) => own.includes(order))
    return first === undefined ? mergeByPath(before, after) : mergeOrdered(before, after, first)
  }))

/** What is at hand of one of the streams. */
interface Side<A> {
  items: ReadonlyArray<A>
  /** The next of the items. */
  at: number
  ended: boolean
  /** The last that was taken. */
  last?: A
}

/** Merges two streams that are in this order. Keeps only what it compares. Fails with `corrupt` if one is not. */
export const mergeOrdered = <A extends Entry>(
  before: Entries<A>,
  after: Entries<A>,
  order: EntryOrder,
): Stream.Stream<Pair<A>, FormatError> => {
  const compare = compareEntries(order)
  const take = (side: Side<A>): A => {
    const item = side.items[side.at++]!
    if (side.last !== undefined && compare(side.last, item) >= 0) throw outOfOrder(item)
    side.last = item
    return item
  }
  /** The pairs that what is at hand allows. */
  const pairsOf = (left: Side<A>, right: Side<A>): Array<Pair<A>> => {
    const pairs: Array<Pair<A>> = []
    for (;;) {
      const [one, other] = [left.items[left.at], right.items[right.at]]
      if ((one === undefined && !left.ended) || (other === undefined && !right.ended)) return pairs
      if (one === undefined && other === undefined) return pairs
      const place = one === undefined ? 1 : other === undefined ? -1 : compare(one, other)
      if (place === 0 && isPair(one!, other!)) pairs.push({ before: take(left), after: take(right) })
      else pairs.push(place <= 0 ? { before: take(left) } : { after: take(right) })
    }
  }
  return Stream.combineArray(
    before,
    after,
    (): readonly [Side<A>, Side<A>] => [{ items: [], at: 0, ended: false }, { items: [], at: 0, ended: false }],
    Effect.fnUntraced(function* (sides, pullLeft, pullRight) {
      const [left, right] = sides
      for (;;) {
        yield* refill(left, pullLeft)
        yield* refill(right, pullRight)
        const pairs = yield* catching(RepositoryError, () => pairsOf(left, right))
        if (pairs.length > 0) return [pairs as [Pair<A>, ...Array<Pair<A>>], sides] as const
        if (left.ended && right.ended) return yield* Cause.done()
      }
    }),
  )
}

/** Gets more of a stream, if nothing is at hand. */
const refill = <A>(
  side: Side<A>,
  pull: Pull.Pull<ReadonlyArray<A>, FormatError>,
): Effect.Effect<void, FormatError> =>
  side.ended || side.at < side.items.length ? Effect.void : pull.pipe(
    Effect.map((items) => void Object.assign(side, { items, at: 0 })),
    Pull.catchDone(() => Effect.sync(() => void Object.assign(side, { items: [], at: 0, ended: true }))),
  )

const outOfOrder = ({ path }: Entry): RepositoryError =>
  new RepositoryError({
    reason: "corrupt",
    message: `The snapshot lists "${displayPath(path)}" out of order: run penstock check`,
  })

/** The orders that a stream has. */
const ordersOf = <A extends Entry>(entries: Entries<A>): Effect.Effect<ReadonlyArray<EntryOrder>, FormatError> =>
  Effect.suspend(() => {
    let orders = ENTRY_ORDERS
    let last: A | undefined
    const looked = Stream.takeWhile(entries, (entry) => {
      const before = last
      if (before !== undefined) orders = orders.filter((order) => compareEntries(order)(before, entry) < 0)
      last = entry
      return orders.length > 0
    })
    return Effect.map(Stream.runDrain(looked), () => orders)
  })

/** Merges two streams in any order. The entries that only the second has come last. */
const mergeByPath = <A extends Entry>(before: Entries<A>, after: Entries<A>): Stream.Stream<Pair<A>, FormatError> =>
  Stream.unwrap(Effect.map(Stream.runCollect(after), (all) => {
    const left = new Map(all.map((entry) => [entry.path, entry]))
    const pairs = Stream.map(before, (entry): Pair<A> => {
      const other = left.get(entry.path)
      if (other === undefined || !isPair(entry, other)) return { before: entry }
      left.delete(entry.path)
      return { before: entry, after: other }
    })
    const added = Stream.suspend(() => Stream.fromIterable(left.values()))
    return Stream.concat(pairs, Stream.map(added, (after): Pair<A> => ({ after })))
  }))

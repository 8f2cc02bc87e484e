/** A place in a store that cannot be read. */
import { Effect } from "effect"
import { type ObjectStore, type Range, StoreError, type Whole } from "../../../stages/store/store.ts"
import type { Subject } from "./subject.ts"

import type { Objects } from "./objects.ts"

/** An object, or a part of one. */
export interface Spot {
  readonly name: string
  readonly from: number
  readonly to: number
  /** Whether it is the end of the object. */
  readonly last?: boolean
}

/** What a read of a spot gives. */
export type Fault = "io" | "denied" | "garbage"

const overlaps = ({ from, name, to }: Spot, wanted: string, part: Range | Whole, size: number): boolean => {
  if (wanted !== name) return false
  if ("atMost" in part) return true
  const offset = part.offset < 0 ? size + part.offset : part.offset
  return offset < to && offset + part.length > from
}

/** The store, in which a spot cannot be read while `broken` gives true. */
export const withSpot = (
  store: ObjectStore,
  objects: Objects,
  spot: Spot,
  fault: Fault,
  broken: () => boolean,
): ObjectStore => ({
  ...store,
  get: (name, part) => {
    const size = objects.get(name)?.length ?? 0
    if (!broken() || !objects.has(name) || !overlaps(spot, name, part, size)) return store.get(name, part)
    if (fault !== "garbage") {
      const message = `Cannot read "${name}": a fault was asked for`
      return Effect.fail(new StoreError({ reason: fault, object: name, message }))
    }
    return Effect.map(store.get(name, part), (bytes) => {
      const start = "atMost" in part ? 0 : part.offset < 0 ? size + part.offset : part.offset
      const to = Math.min(spot.to - start, bytes.length)
      for (let at = Math.max(0, spot.from - start); at < to; at++) bytes[at] = bytes[at]! ^ 0xa5
      return bytes
    })
  },
})

/** One object of each kind, by directory and extension; of a single file all of it, in pieces. */
export const spotsOf = (subject: Subject, objects: Objects): ReadonlyArray<Spot> => {
  if (subject.file !== undefined) {
    const size = objects.get(subject.file)!.length
    const pieces = 12
    return Array.from({ length: pieces }, (_, i) => ({
      name: subject.file!,
      from: Math.floor(size * i / pieces),
      to: Math.floor(size * (i + 1) / pieces),
      last: i === pieces - 1,
    }))
  }
  const found = new Map<string, Spot>()
  for (const [name, bytes] of objects) {
    const kind = `${name.split("/")[0]} ${/\.[a-z-]+$/.exec(name)?.[0] ?? ""}`
    // The last of each kind, which is another one in each format.
    found.set(kind, { name, from: 0, to: bytes.length })
    // Another one, too: the largest.
    const largest = found.get(`${kind} largest`)
    if (largest === undefined || largest.to < bytes.length) {
      found.set(`${kind} largest`, { name, from: 0, to: bytes.length })
    }
  }
  return [...new Map([...found.values()].map((spot) => [spot.name, spot])).values()]
}

/** The error, which says where it happened. */
export const told = (error: unknown, { from, name, to }: Spot): unknown => {
  const where = `${name} from ${from} to ${to}`
  if (error instanceof Error) error.message = `${where}: ${error.message}`
  return error
}

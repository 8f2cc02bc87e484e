/** What a command sends to and receives from remote stores. Its summary tells it. */
import { type StoreCounts, totalRequests } from "../../adapters/store/counting/counts.ts"
import type { Output } from "./output.ts"
import { plural, showBytes } from "./show.ts"

/** The remote stores of one command, filled while it runs. */
export interface Traffic {
  /** In the order in which they were opened. A location may be there twice. */
  readonly stores: Array<{ readonly location: string; readonly counts: StoreCounts }>
  /** Objects that came in wrong at first and right when they were read again. */
  readonly readTwice: Set<string>
  /** What is wrong with packs whose chunks were read from other packs: clauses that name the packs. */
  readonly otherPacks: Set<string>
}

/**
 * The traffic of a command that begins.
 *
 * @example Count what a command sends and receives
 * ```ts
 * import assert from "node:assert"
 * import { makeTraffic, trafficMembers } from "@penstock/penstock/cli"
 *
 * const traffic = makeTraffic()
 * assert.deepEqual(trafficMembers(traffic), {})
 * ```
 */
export const makeTraffic = (): Traffic => ({ stores: [], readTwice: new Set(), otherPacks: new Set() })

const sum = (stores: Traffic["stores"], what: (counts: StoreCounts) => number): number =>
  stores.reduce((sum, { counts }) => sum + what(counts), 0)

/**
 * Members for the summary of `--json`. There are none about remote stores, objects that were read twice and damaged
 * packs where there are no such things.
 *
 * @example Add the members to a summary
 * ```ts
 * import assert from "node:assert"
 * import { makeTraffic, trafficMembers } from "@penstock/penstock/cli"
 *
 * const summary = { type: "summary", snapshots: 3, ...trafficMembers(makeTraffic()) }
 * assert.deepEqual(summary, { type: "summary", snapshots: 3 })
 * ```
 */
export const trafficMembers = ({ otherPacks, readTwice, stores }: Traffic): Readonly<Record<string, number>> => ({
  ...(stores.length === 0 ? {} : {
    requests: sum(stores, totalRequests),
    bytesUploaded: sum(stores, ({ bytesWritten }) => bytesWritten),
    bytesDownloaded: sum(stores, ({ bytesRead }) => bytesRead),
    retries: sum(stores, ({ retries }) => retries),
  }),
  ...(readTwice.size === 0 ? {} : { readTwice: readTwice.size }),
  ...(otherPacks.size === 0 ? {} : { otherPacks: otherPacks.size }),
})

/** Prints a line for each remote store. */
export const printTraffic = ({ stores }: Traffic, out: Output): void => {
  for (const location of new Set(stores.map(({ location }) => location))) {
    const own = stores.filter((store) => store.location === location)
    const retries = sum(own, (counts) => counts.retries)
    out.note(
      `Store ${location}: ${plural(sum(own, totalRequests), "request")}, ` +
        `${showBytes(sum(own, (counts) => counts.bytesWritten))} up, ` +
        `${showBytes(sum(own, (counts) => counts.bytesRead))} down` +
        (retries === 0 ? "" : `, ${plural(retries, "retry", "retries")}`),
    )
  }
}

/** A warning about objects that came in wrong at first. Undefined if there were none. */
export const readTwiceWarning = ({ readTwice }: Traffic): string | undefined => {
  if (readTwice.size === 0) return undefined
  const [first] = readTwice
  return `${plural(readTwice.size, "object")} came in wrong once, and right the second time${
    readTwice.size === 1 ? ":" : ", such as"
  } ${first}; nothing is lost, but check the network, the cables and the memory of this machine`
}

/** A warning about packs whose chunks were read from other packs. Undefined if there were none. */
export const otherPacksWarning = ({ otherPacks }: Traffic): string | undefined => {
  if (otherPacks.size === 0) return undefined
  const [first] = otherPacks
  const more = otherPacks.size === 1 ? "" : ` (and ${otherPacks.size - 1} more)`
  return `there is damage, but other packs had the same content, which was read from them: ${first}${more}; ` +
    `see "penstock check --read-data"`
}

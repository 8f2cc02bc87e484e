/** What was sent to and received from remote stores. */
import { type StoreCounts, totalRequests } from "../../adapters/store/counting/counts.ts"
import type { Output } from "./output.ts"
import { plural, showBytes } from "./quantity.ts"

/** By store, in the order in which they were opened. Those of the process: a command opens what it needs. */
const stores: Array<{ readonly location: string; readonly counts: StoreCounts }> = []

/** From now on, the counts are part of the summary. */
export const countTraffic = (location: string, counts: StoreCounts): void => {
  stores.push({ location, counts })
}

const sum = (what: (counts: StoreCounts) => number): number => stores.reduce((sum, { counts }) => sum + what(counts), 0)

/** Members of the summary of `--json`; none when there is no remote store. */
export const trafficMembers = (): Readonly<Record<string, number>> =>
  stores.length === 0 ? {} : {
    requests: sum(totalRequests),
    bytesUploaded: sum(({ bytesWritten }) => bytesWritten),
    bytesDownloaded: sum(({ bytesRead }) => bytesRead),
    retries: sum(({ retries }) => retries),
  }

/** A line for each remote store. */
export const printTraffic = (out: Output): void => {
  for (const location of new Set(stores.map(({ location }) => location))) {
    const all = stores.filter((store) => store.location === location).map(({ counts }) => counts)
    const of = (what: (counts: StoreCounts) => number): number => all.reduce((sum, counts) => sum + what(counts), 0)
    const retries = of((counts) => counts.retries)
    out.note(
      `Store ${location}: ${plural(of(totalRequests), "request")}, ${
        showBytes(of((counts) => counts.bytesWritten))
      } up, ` +
        `${showBytes(of((counts) => counts.bytesRead))} down${
          retries === 0 ? "" : `, ${plural(retries, "retry", "retries")}`
        }`,
    )
  }
}

/** `penstock cat`: prints what a repository stores about itself. */
import * as Effect from "effect/Effect"
import type { FormatError } from "../formats/error.ts"
import type { Facts } from "../formats/inspection.ts"
import type { Repository } from "../formats/repository.ts"
import type { CommonInput } from "./arguments/inputs.ts"
import { keyRow } from "./key.ts"
import { makeOutput, type Output } from "./output/output.ts"
import { prettyLines } from "./output/row.ts"
import { makeTraffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { describeUnlisted, listSnapshots, pickSnapshot } from "./selection/snapshots.ts"
import { snapshotRow } from "./snapshots.ts"

/** What `cat` can print. */
export type CatObject = "config" | "keys" | "snapshot" | "index"

export interface CatInput extends CommonInput {
  readonly what: CatObject
  /** Of a snapshot. */
  readonly id: string | undefined
}

/** What is printed, and what is wrong beside it. */
interface Shown {
  readonly facts: ReadonlyArray<Facts>
  readonly problems: ReadonlyArray<string>
}

/** Runs `cat`. Returns the exit code: 1 if something beside what is printed is damaged. */
export const cat: (input: CatInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const { id, what } = input
  if (id === undefined && what === "snapshot") {
    return yield* new UsageError({ message: "Give the ID of a snapshot, as in penstock cat snapshot 1a2b3c4d" })
  }
  if (id !== undefined && what !== "snapshot") {
    return yield* new UsageError({ message: `penstock cat ${what} takes no ID` })
  }
  const out = makeOutput(input)
  const traffic = makeTraffic()
  return yield* withRepository(
    input,
    "open",
    { traffic },
    Effect.fnUntraced(function* (repository) {
      const { facts, problems } = yield* SHOWN[what](repository, id ?? "", out)
      for (const one of facts) {
        out.row({ type: ROW[what], ...one })
        if (!out.json) { for (const line of prettyLines(one)) out.line(line) }
      }
      for (const message of problems) {
        out.warn(message)
        out.row({ type: "problem", message })
      }
      out.row({ type: "summary", printed: facts.length, problems: problems.length, ...trafficMembers(traffic) })
      return problems.length === 0 ? EXIT_OK : EXIT_FAILURE
    }),
  )
})

/** The type of the rows of `--json`. */
const ROW: Readonly<Record<CatObject, string>> = { config: "config", keys: "key", snapshot: "snapshot", index: "pack" }

const SHOWN: Readonly<
  Record<
    CatObject,
    (repository: Repository, id: string, out: Output) => Effect.Effect<Shown, FormatError | UsageError>
  >
> = {
  config: Effect.fnUntraced(function* ({ epoch, fingerprint, format, id, inspection }) {
    const stored = inspection === undefined ? {} : { stored: yield* inspection.config }
    return { facts: [{ format, id, fingerprint, epoch, ...stored }], problems: [] }
  }),
  keys: Effect.fnUntraced(function* ({ format, keys: all }) {
    if (all === undefined) return yield* cannot(format, "has no keys of its own")
    const { damaged, keys } = yield* all.list
    return { facts: keys.map((key) => withoutType(keyRow(key))), problems: damaged.map(({ message }) => message) }
  }),
  snapshot: Effect.fnUntraced(function* (repository, id, out) {
    const listing = yield* listSnapshots(repository)
    const snapshot = yield* pickSnapshot(listing, id, { fits: () => true, given: "" }, out)
    const { inspection } = repository
    const stored = inspection === undefined ? {} : { stored: yield* inspection.snapshot(snapshot.id) }
    return {
      facts: [{ ...withoutType(snapshotRow(snapshot)), ...stored }],
      problems: listing.unlisted === 0 ? [] : [describeUnlisted(listing.unlisted)],
    }
  }),
  index: Effect.fnUntraced(function* ({ format, inspection }) {
    if (inspection === undefined) return yield* cannot(format, "does not show what its indexes list")
    const { packs, problems } = yield* inspection.packs
    return { facts: packs, problems }
  }),
}

const withoutType = ({ type: _type, ...facts }: Facts): Facts => facts

const cannot = (format: string, what: string): UsageError =>
  new UsageError({ message: `A repository of the format ${format} ${what}` })

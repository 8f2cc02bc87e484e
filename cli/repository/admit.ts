/** Options about what a format does not keep of a snapshot. */
import * as Effect from "effect/Effect"
import type { Format } from "../../formats/format.ts"
import { keepsOfRecord, RECORD_WORDS, type RecordFidelity } from "../../formats/record_fidelity.ts"
import { UsageError } from "../process/usage_error.ts"
import type { FilterInput } from "../arguments/inputs.ts"

/** Says no to a format before its repository is made or opened. */
export type Admit = (format: Format) => Effect.Effect<void, UsageError>

/** Options, what of a record each is about, and whether it is given. */
type Given = ReadonlyArray<readonly [option: string, what: keyof RecordFidelity, given: boolean]>

const admitting = (given: Given): Admit => ({ name, record }) => {
  const unkept = given.filter(([, what, is]) => is && !keepsOfRecord(record, what))
  if (unkept.length === 0) return Effect.void
  const words = unkept.map(([, what]) => `no ${RECORD_WORDS[what]}`)
  return Effect.fail(
    new UsageError({
      message: `The format ${name} keeps ${listed(words)}: leave ${listed(unkept.map(([option]) => option))} out`,
    }),
  )
}

const listed = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`

/**
 * Refuses what is told of a new snapshot and would not be kept. What nobody told, as the name of this machine, is none
 * of that.
 */
export const admitRecord = ({ host, tag, time }: {
  readonly host: string | undefined
  readonly tag: ReadonlyArray<string>
  readonly time: string | undefined
}): Admit =>
  admitting([
    ["--tag", "tags", tag.length > 0],
    ["--host", "hostname", host !== undefined],
    ["--time", "time", time !== undefined],
  ])

/** Refuses to choose snapshots by what none of them has. */
export const admitFilter = ({ onlyHost, onlyPath, onlyTag }: FilterInput): Admit =>
  admitting([
    ["--tag", "tags", onlyTag.length > 0],
    ["--host", "hostname", onlyHost.length > 0],
    ["--path", "paths", onlyPath.length > 0],
  ])

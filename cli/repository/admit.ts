/** Refuses options about facts of a snapshot that its format does not keep. */
import * as Effect from "effect/Effect"
import type { Format } from "../../formats/format.ts"
import { keepsOfRecord, RECORD_WORDS, type RecordFidelity } from "../../formats/record_fidelity.ts"
import type { FilterInput } from "../arguments/inputs.ts"
import { UsageError } from "../process/usage_error.ts"

/** Fails if a format cannot do what the options say. It is asked before a repository is made or opened. */
export type Admit = (format: Format) => Effect.Effect<void, UsageError>

/** Options, the fact that each is about, and whether it is given. */
type Given = ReadonlyArray<readonly [option: string, fact: keyof RecordFidelity, given: boolean]>

const admitting = (options: Given): Admit => ({ name, record }) => {
  const unkept = options.filter(([, fact, given]) => given && !keepsOfRecord(record, fact))
  if (unkept.length === 0) return Effect.void
  const words = unkept.map(([, fact]) => `no ${RECORD_WORDS[fact]}`)
  return Effect.fail(
    new UsageError({
      message: `The format ${name} keeps ${listed(words)}: leave ${listed(unkept.map(([option]) => option))} out`,
    }),
  )
}

/** `a, b and c`. */
const listed = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`

/**
 * Refuses facts of a new snapshot that would not be kept. Facts that no option gives, such as the name of this machine,
 * are not refused.
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

/** Options beside the filters that need facts of snapshots, by the fact. */
export interface FilterNeeds {
  readonly time?: string | undefined
  readonly tags?: string | undefined
}

/** Refuses to choose snapshots by facts that none of them has. */
export const admitFilter = (
  { onlyHost, onlyPath, onlyTag }: FilterInput,
  needs: FilterNeeds = {},
): Admit =>
  admitting([
    ["--tag", "tags", onlyTag.length > 0],
    ["--host", "hostname", onlyHost.length > 0],
    ["--path", "paths", onlyPath.length > 0],
    [needs.time ?? "", "time", needs.time !== undefined],
    [needs.tags ?? "", "tags", needs.tags !== undefined],
  ])

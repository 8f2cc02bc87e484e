/** `penstock convert`: makes the snapshots of one repository in another, of any format. */
import * as Effect from "effect/Effect"
import type { Format } from "../formats/format.ts"
import { recordLossesBetween } from "../formats/record_fidelity.ts"
import { lossesBetween } from "../stages/walk/represent.ts"
import type { CommonInput, DestinationInput, FilterInput, RepositoryOptions } from "./arguments/inputs.ts"
import type { Output } from "./output/output.ts"
import type { Traffic } from "./output/traffic.ts"
import { UsageError } from "./process/usage_error.ts"
import { replicate } from "./replicate.ts"
import { formatNamed, type Found } from "./repository/find.ts"
import { describeMade, openRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { targetNames } from "./secrets/password.ts"

export interface ConvertInput extends CommonInput, DestinationInput, FilterInput {
  readonly snapshot: ReadonlyArray<string>
  /** The same as no `snapshot`. */
  readonly all: boolean
  readonly dryRun: boolean
}

/** Runs `convert`. Returns the exit code. */
export const convert = (input: ConvertInput): Effect.Effect<number, OpenError> =>
  input.all && input.snapshot.length > 0
    ? Effect.fail(new UsageError({ message: "Give either --all or --snapshot, not both" }))
    : replicate(input, {
      done: "converted",
      openTarget: Effect.fnUntraced(function* (source, { out, traffic, wanted }) {
        const holdsAll = ({ source }: Found): Effect.Effect<void, UsageError> =>
          source.file === undefined || wanted.length <= 1 ? Effect.void : Effect.fail(
            new UsageError({
              message:
                `${input.to} holds one snapshot, but there are ${wanted.length}: choose one, as in --snapshot latest`,
            }),
          )
        // If the format is named, this is checked before a target is made.
        const named = yield* formatNamed(input.toFormat)
        if (input.toFormat !== undefined) yield* holdsAll(named)
        const target = yield* openTarget(input, traffic)
        const into = target ?? named
        yield* holdsAll(into)
        if (target?.created === true) out.note(describeMade(target))
        announce(source.format, into.format, out)
        return target
      }),
      load: async () => {
        const [{ convert }, { counterparts }] = await Promise.all([
          import("../formats/convert.ts"),
          import("../formats/counterparts.ts"),
        ])
        return { make: convert, present: (_from, _to, sources, targets) => counterparts(sources, targets) }
      },
    })

/** Opens the target, or makes it. Undefined in a dry run that would make it. */
const openTarget = Effect.fnUntraced(function* (input: ConvertInput, traffic: Traffic) {
  const options: RepositoryOptions = {
    ...input,
    repo: input.to,
    format: input.toFormat,
    option: input.toOption,
    noEncryption: input.toNoEncryption,
    newRepository: input.toNewRepository,
    compression: input.compression,
    passwordFile: input.toPasswordFile,
    passwordCommand: input.toPasswordCommand,
    recipient: input.toRecipient,
    identity: input.toIdentity,
    keyFile: input.toKeyFile,
  }
  const how = { traffic, names: targetNames, backup: true }
  if (!input.dryRun) return yield* openRepository(options, "either", how)
  return yield* openRepository(options, "open", how).pipe(
    Effect.catchIf(
      (error) => error._tag === "RepositoryError" && error.reason === "none",
      () => Effect.succeed(undefined),
    ),
  )
})

/** Says what the conversion loses before it begins. */
const announce = (source: Format, target: Format, out: Output): void => {
  const lost = lossesBetween(source.fidelity, target.fidelity)
  const unrecorded = recordLossesBetween(source.record, target.record)
  if (lost.length > 0) out.note(`${target.name} does not keep, of what ${source.name} keeps: ${lost.join(", ")}`)
  if (unrecorded.length > 0) {
    out.note(`${target.name} does not keep, of the record of a snapshot: ${unrecorded.join(", ")}`)
  }
  out.row({ type: "formats", from: source.name, to: target.name, notKept: lost, notKeptOfRecord: unrecorded })
}

/** `penstock convert`: makes the snapshots of one repository in another, of whatever format. */
import * as Effect from "effect/Effect"
import type { Format } from "../formats/format.ts"
import { recordLossesBetween } from "../formats/record_fidelity.ts"
import { lossesBetween } from "../stages/walk/represent.ts"
import { between } from "./replicate.ts"
import { UsageError } from "./process/usage_error.ts"
import type { CommonInput, DestinationInput, FilterInput, RepositoryOptions } from "./arguments/inputs.ts"
import type { Output } from "./output/output.ts"
import { targetNames } from "./secrets/password.ts"
import { describeMade, formatNamed, type Found, type OpenError, openRepository } from "./repository/open.ts"

export interface ConvertInput extends CommonInput, DestinationInput, FilterInput {
  readonly snapshot: ReadonlyArray<string>
  /** As without any `snapshot`. */
  readonly all: boolean
  readonly dryRun: boolean
}

/** Runs `convert`; gives the exit code. */
export const convert = (input: ConvertInput): Effect.Effect<number, OpenError> =>
  input.all && input.snapshot.length > 0
    ? Effect.fail(new UsageError({ message: "Give either --all or --snapshot, not both" }))
    : between(input, {
      done: "converted",
      target: Effect.fnUntraced(function* (source, wanted, out) {
        const holdsAll = ({ source }: Found): Effect.Effect<void, UsageError> =>
          source.file === undefined || wanted.length <= 1 ? Effect.void : Effect.fail(
            new UsageError({
              message:
                `${input.to} holds one snapshot, and there are ${wanted.length}; choose one, as in: --snapshot latest`,
            }),
          )
        // Before it is made, if it is.
        const named = yield* formatNamed(input.toFormat)
        if (input.toFormat !== undefined) yield* holdsAll(named)
        const target = yield* openTarget(input)
        const into = target ?? named
        yield* holdsAll(into)
        if (target?.created === true) out.note(describeMade(target))
        announce(source.format, into.format, out)
        return target
      }),
      load: async () => {
        const { convert, counterparts } = await import("../formats/convert.ts")
        return { run: convert, there: (_from, _to, sources, targets) => counterparts(sources, targets) }
      },
    })

/** The target, made when it is not there; none in a dry run that would make it. */
const openTarget = Effect.fnUntraced(function* (input: ConvertInput) {
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
  if (!input.dryRun) return yield* openRepository(options, "either", { names: targetNames, backup: true })
  return yield* openRepository(options, "open", { names: targetNames, backup: true }).pipe(
    Effect.catchIf(
      (error) => error._tag === "RepositoryError" && error.reason === "none",
      () => Effect.succeed(undefined),
    ),
  )
})

/** Says what is lost before anything is. */
const announce = (source: Format, target: Format, out: Output): void => {
  const lost = lossesBetween(source.fidelity, target.fidelity)
  const unrecorded = recordLossesBetween(source.record, target.record)
  if (lost.length > 0) out.note(`What ${target.name} does not keep of what ${source.name} does: ${lost.join(", ")}`)
  if (unrecorded.length > 0) {
    out.note(`What ${target.name} does not keep of the record of a snapshot: ${unrecorded.join(", ")}`)
  }
  out.row({ type: "formats", from: source.name, to: target.name, notKept: lost, notKeptOfRecord: unrecorded })
}

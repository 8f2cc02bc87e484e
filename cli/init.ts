/** `penstock init`: makes a repository. */
import * as Effect from "effect/Effect"
import { recordLossesBetween, wholeRecord } from "../formats/record_fidelity.ts"
import { lossesBetween } from "../stages/walk/represent.ts"
import type { CommonInput, CreationInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { makeTraffic, type Traffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { formatNamed } from "./repository/find.ts"
import { describeMade, onThisMachine, openRepository, unencryptedWarning } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { fromNames } from "./secrets/password.ts"

export interface InitInput extends CommonInput, CreationInput {
  /** The repository whose key the new one gets. */
  readonly fromRepo: string | undefined
  readonly fromPasswordFile: string | undefined
  readonly fromPasswordCommand: string | undefined
  readonly fromNewRepository: boolean
}

/** Runs `init`. Returns the exit code. */
export const init: (input: InitInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const traffic = makeTraffic()
  const { localSource } = yield* Effect.promise(() => import("../adapters/files/source/source.ts"))
  return yield* onThisMachine(
    traffic,
    Effect.gen(function* () {
      const like = yield* openLike(input, traffic)
      const open = yield* openRepository(input, "create", {
        traffic,
        ...(like === undefined ? {} : { like: like.repository }),
      })
      const { format: name, id } = open.repository
      const lost = lossesBetween(localSource.make().fidelity, open.format.fidelity)
      const unrecorded = recordLossesBetween(wholeRecord, open.format.record)
      out.note(describeMade(open))
      if (!open.encrypted) out.warn(unencryptedWarning(open))
      if (like !== undefined) out.note(`It has the key of ${like.location}: anyone who can open one can read both`)
      if (lost.length > 0) out.note(`This format does not keep, of files here: ${lost.join(", ")}`)
      if (unrecorded.length > 0) {
        out.note(`This format does not keep, of the record of a snapshot: ${unrecorded.join(", ")}`)
      }
      out.row({
        type: "summary",
        format: name,
        repository: id,
        location: open.location,
        encrypted: open.encrypted,
        ...(like === undefined ? {} : { keyOf: like.repository.id }),
        ...(lost.length > 0 ? { notKept: lost } : {}),
        ...(unrecorded.length > 0 ? { notKeptOfRecord: unrecorded } : {}),
        ...trafficMembers(traffic),
      })
      return EXIT_OK
    }),
  )
})

/** Opens the repository whose key the new one gets. Undefined without `--from-repo`. */
const openLike = Effect.fnUntraced(function* (input: InitInput, traffic: Traffic) {
  const { format, fromNewRepository, fromPasswordCommand, fromPasswordFile, fromRepo } = input
  if (fromRepo === undefined) {
    const without = fromPasswordFile !== undefined
      ? "password-file"
      : fromPasswordCommand !== undefined
      ? "password-command"
      : fromNewRepository
      ? "new-repository"
      : undefined
    if (without === undefined) return undefined
    return yield* new UsageError({ message: `--from-${without} needs --from-repo, which is not given` })
  }
  const { source } = yield* formatNamed(format)
  if (source.sharesKey !== true) {
    return yield* new UsageError({
      message: `--from-repo is not for the format ${source.name}: only repositories of rozen can share a key`,
    })
  }
  return yield* openRepository(
    {
      ...input,
      repo: fromRepo,
      format: source.name,
      option: [],
      passwordFile: fromPasswordFile,
      passwordCommand: fromPasswordCommand,
      newRepository: fromNewRepository,
      keyFile: undefined,
      noEncryption: false,
      recipient: [],
      identity: [],
    },
    "open",
    { traffic, names: fromNames },
  )
})

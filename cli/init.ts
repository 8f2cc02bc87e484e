/** `penstock init`: makes a repository. */
import * as Effect from "effect/Effect"
import { recordLossesBetween, wholeRecord } from "../formats/record_fidelity.ts"
import { lossesBetween } from "../stages/walk/represent.ts"
import { UsageError } from "./process/usage_error.ts"
import { EXIT_OK } from "./process/exit_codes.ts"
import type { CommonInput, CreationInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { fromNames } from "./secrets/password.ts"
import {
  describeMade,
  describeOpen,
  formatNamed,
  onThisMachine,
  type OpenError,
  openRepository,
} from "./repository/open.ts"

export interface InitInput extends CommonInput, CreationInput {
  /** The repository whose key the new one gets. */
  readonly fromRepo: string | undefined
  readonly fromPasswordFile: string | undefined
  readonly fromPasswordCommand: string | undefined
  readonly fromNewRepository: boolean
}

/** Runs `init`; gives the exit code. */
export const init: (input: InitInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const { localSource } = yield* Effect.promise(() => import("../adapters/files/source/source.ts"))
  return yield* onThisMachine(Effect.gen(function* () {
    const like = yield* openLike(input)
    const open = yield* openRepository(input, "create", like === undefined ? {} : { like: like.repository })
    const { format: name, id } = open.repository
    const lost = lossesBetween(localSource.make().fidelity, open.format.fidelity)
    const unrecorded = recordLossesBetween(wholeRecord, open.format.record)
    out.note(describeMade(open))
    if (!open.encrypted) out.warn(describeOpen(open))
    if (like !== undefined) out.note(`It has the key of ${like.location}: whoever can open one can read both`)
    if (lost.length > 0) out.note(`What this format does not keep of files here: ${lost.join(", ")}`)
    if (unrecorded.length > 0) {
      out.note(`What this format does not keep of the record of a snapshot: ${unrecorded.join(", ")}`)
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
    })
    return EXIT_OK
  }))
})

/** The repository whose key the new one gets. */
const openLike = Effect.fnUntraced(function* (input: InitInput) {
  const { format, fromNewRepository, fromPasswordCommand, fromPasswordFile, fromRepo } = input
  if (fromRepo === undefined) {
    const of = fromPasswordFile !== undefined
      ? "password-file"
      : fromPasswordCommand !== undefined
      ? "password-command"
      : fromNewRepository
      ? "new-repository"
      : undefined
    if (of === undefined) return undefined
    return yield* new UsageError({ message: `--from-${of} is of --from-repo, which is not given` })
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
    { names: fromNames },
  )
})

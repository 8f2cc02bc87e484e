/** `penstock copy`: copies the snapshots of one repository into another of the same format. */
import * as Effect from "effect/Effect"
import { between, type BetweenInput } from "./replicate.ts"
import { UsageError } from "./process/usage_error.ts"
import type { CopyTargetInput } from "./arguments/inputs.ts"
import { targetNames } from "./secrets/password.ts"
import { type OpenError, openRepository } from "./repository/open.ts"

export interface CopyInput extends BetweenInput, CopyTargetInput {}

/** Runs `copy`; gives the exit code. */
export const copy = (input: CopyInput): Effect.Effect<number, OpenError> =>
  between(input, {
    done: "copied",
    target: Effect.fnUntraced(function* ({ location, source }) {
      if (source.file !== undefined) {
        return yield* new UsageError({
          message:
            `${location} is an archive of the format ${source.name}, which holds one snapshot: copy the file, or use penstock convert to encrypt it for others`,
        })
      }
      const target = yield* openRepository(
        {
          ...input,
          repo: input.to,
          option: input.toOption,
          passwordFile: input.toPasswordFile,
          passwordCommand: input.toPasswordCommand,
          keyFile: input.toKeyFile,
          noEncryption: input.toNoEncryption,
          newRepository: input.toNewRepository,
          recipient: [],
          identity: [],
        },
        "open",
        { names: targetNames, backup: true },
      )
      if (target.source.name !== source.name) {
        return yield* new UsageError({
          message:
            `${location} is of the format ${source.name}, and ${input.to} of ${target.source.name}: use penstock convert`,
        })
      }
      return target
    }),
    load: async () => {
      const { copies, copy } = await import("../formats/copy.ts")
      return { run: copy, there: copies }
    },
  })

/** `penstock copy`: copies the snapshots of one repository into another of the same format. */
import * as Effect from "effect/Effect"
import type { CopyTargetInput } from "./arguments/inputs.ts"
import { UsageError } from "./process/usage_error.ts"
import { replicate, type ReplicateInput } from "./replicate.ts"
import { openRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { targetNames } from "./secrets/password.ts"

export interface CopyInput extends ReplicateInput, CopyTargetInput {}

/** Runs `copy`. Returns the exit code. */
export const copy = (input: CopyInput): Effect.Effect<number, OpenError> =>
  replicate(input, {
    done: "copied",
    openTarget: Effect.fnUntraced(function* ({ location, source }, { traffic }) {
      if (source.file !== undefined) {
        return yield* new UsageError({
          message: `${location} is an archive of the format ${source.name}, which holds one snapshot: copy the file, ` +
            "or use penstock convert to encrypt it for other keys",
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
          identity: input.toIdentity,
        },
        "open",
        { traffic, names: targetNames, backup: true },
      )
      if (target.source.name !== source.name) {
        return yield* new UsageError({
          message: `${location} has the format ${source.name}, but ${input.to} has ${target.source.name}: ` +
            "use penstock convert",
        })
      }
      return target
    }),
    load: async () => {
      const { copies, copy } = await import("../formats/copy.ts")
      return { make: copy, present: copies }
    },
  })

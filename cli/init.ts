/** `penstock init`: makes a repository. */
import * as Effect from "effect/Effect"
import { EXIT_OK } from "./exit.ts"
import { makeOutput } from "./output.ts"
import type { CommonInput } from "./options.ts"
import { type OpenError, repositoryLocation, withRepository } from "./repository.ts"

export interface InitInput extends CommonInput {
  readonly format: string | undefined
}

/** Runs `init`; gives the exit code. */
export const init: (input: InitInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const location = yield* repositoryLocation(input.repo)
  return yield* withRepository(input, "create", (repository) =>
    Effect.sync(() => {
      out.note(`Made a repository (${repository.format}) at ${location}`)
      out.row({ type: "summary", format: repository.format, repository: repository.id, location })
      return EXIT_OK
    }))
})

/** `penstock init`: makes a repository. */
import * as Effect from "effect/Effect"
import { lossesBetween } from "../stages/walk/represent.ts"
import { EXIT_OK } from "./exit.ts"
import type { CommonInput, CreationInput } from "./options.ts"
import { makeOutput } from "./output.ts"
import { describeMade, type OpenError, withRepository } from "./repository.ts"

export interface InitInput extends CommonInput, CreationInput {}

/** Runs `init`; gives the exit code. */
export const init: (input: InitInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const { localSource } = yield* Effect.promise(() => import("../adapters/files/source.ts"))
  return yield* withRepository(input, "create", ({ format: name, id }, open) =>
    Effect.sync(() => {
      const lost = lossesBetween(localSource.make().fidelity, open.format.fidelity)
      out.note(describeMade(open))
      if (lost.length > 0) out.note(`What this format does not keep of files here: ${lost.join(", ")}`)
      out.row({
        type: "summary",
        format: name,
        repository: id,
        location: open.location,
        ...(lost.length > 0 ? { notKept: lost } : {}),
      })
      return EXIT_OK
    }))
})

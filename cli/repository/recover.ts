/** Opens a damaged repository for `check --recover`. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Recovered } from "../../formats/zprt/mod.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { RepositoryOptions } from "../arguments/inputs.ts"
import type { Traffic } from "../output/traffic.ts"
import { UsageError } from "../process/usage_error.ts"
import { ownNames } from "../secrets/password.ts"
import { findRepository } from "./find.ts"
import { checkFormatOptions, readFormatOptions } from "./format_options.ts"
import type { OpenError } from "./open_mode.ts"
import { unlock } from "./unlock.ts"

/** What is left of a damaged repository. Its content can be read as long as the scope. */
export const recoverRepository: (
  options: RepositoryOptions,
  traffic: Traffic,
) => Effect.Effect<Recovered, OpenError, Scope.Scope> = Effect.fnUntraced(
  function* (options, traffic) {
    const chosen = yield* readFormatOptions("--option", options.option)
    // In the mode `open`, there is something, and a format recognises it.
    const { forget, found, location, store } = yield* findRepository(options, "open", ownNames, chosen, traffic)
    const { source } = found!
    if (chosen !== undefined) {
      yield* checkFormatOptions("--option", chosen, { source, location, created: false, backup: false })
    }
    const { recover, name } = source
    if (recover === undefined) {
      return yield* new UsageError({
        message: `--recover is for zprt, and ${location} has the format ${name}: use penstock rebuild`,
      })
    }
    const recoverWith = yield* Effect.promise(recover)
    return yield* unlock(
      { source, location, created: false },
      options,
      ownNames,
      (secrets) => Effect.ensuring(Effect.provideService(recoverWith(secrets), ObjectStore, store!), forget),
    )
  },
)

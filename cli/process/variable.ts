/** Environment variables. */
import * as Effect from "effect/Effect"
import { variable as valueOf } from "../../adapters/runtime/variable.ts"
import { UsageError } from "./usage_error.ts"

/** The value of a variable, undefined if it is not set. Fails if the value is not text. */
export const variable = (name: string): Effect.Effect<string | undefined, UsageError> =>
  Effect.try({
    try: () => valueOf(name),
    catch: (error) => new UsageError({ message: (error as Error).message }),
  })

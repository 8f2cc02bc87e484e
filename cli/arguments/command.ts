/** How a subcommand is made of its arguments and of the module that does the work. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { UsageError } from "../process/usage_error.ts"

/** Receives the exit code of a command that ended without an error. */
export type OnExit = (code: number) => void

/** A command with any arguments. */
export type AnyCommand = Command.Command<string, unknown, never, unknown, never>

/** A command whose handler is in a module that is loaded when the command runs. */
export const command = <const Config extends Command.Command.Config>(
  name: string,
  config: Config,
  load: (input: Command.Command.Config.Infer<Config>) => Promise<Effect.Effect<number, unknown>>,
  exit: OnExit,
): AnyCommand =>
  Command.make(name, config, (input) => {
    const { quiet, verbose } = input as { readonly quiet?: boolean; readonly verbose?: boolean }
    if (quiet === true && verbose === true) {
      return Effect.fail(new UsageError({ message: "Give either --quiet or --verbose, not both" }))
    }
    return Effect.promise(() => load(input)).pipe(
      Effect.flatten,
      Effect.map(exit),
    )
  }) as never

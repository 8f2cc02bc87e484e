/** How a subcommand is made of its arguments and of the module that does the work. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { UsageError } from "../process/usage_error.ts"

/** Receives the exit code of a command that ended without an error. */
export type OnExit = (code: number) => void

/** A command with any arguments. */
export type AnyCommand = Command.Command<string, unknown, never, unknown, never>

/**
 * A subcommand. `load` is called when it runs, with the values of its options; it can import the module that does the
 * work. The Effect that it gives ends with the exit code, which goes to `exit`.
 *
 * @example Make a subcommand that counts snapshots
 * ```ts
 * import assert from "node:assert"
 * import * as Effect from "effect/Effect"
 * import { command, common, EXIT_OK, makeTraffic, withRepository } from "@penstock/penstock/cli"
 *
 * const count = command(
 *   "count",
 *   common,
 *   async (input) =>
 *     withRepository(input, "open", { traffic: makeTraffic() }, (repository) =>
 *       Effect.map(repository.snapshots, (snapshots) => {
 *         console.log(snapshots.length)
 *         return EXIT_OK
 *       })),
 *   (code) => console.log(code),
 * )
 * assert.equal(count.name, "count")
 * ```
 */
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

/** Runs a command line as this process: signals, errors, exit code. */
import * as Cause from "effect/Cause"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import process from "node:process"
import { leanMemory } from "../adapters/runtime/memory.ts"
import type { AnyCommand, OnExit } from "./arguments/command.ts"
import { emptyArgument } from "./arguments/empty.ts"
import { subcommandFirst } from "./arguments/subcommand_first.ts"
import { flush, outputError, printError } from "./output/streams.ts"
import { endingOf, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from "./process/exit_codes.ts"
import { parserServices } from "./process/parser_services.ts"
import { onSignal } from "./process/signals.ts"
import { VERSION } from "./release.ts"
import { builtInFormats, Formats, type FormatSource } from "./repository/formats.ts"
import type { StoreOpener } from "./repository/store.ts"

/** What to run. */
export interface RunOptions {
  /** Makes the command. `exit` receives its exit code when it ends without an error; `formats` are those in use. */
  readonly command: (exit: OnExit, formats: ReadonlyArray<FormatSource>) => AnyCommand
  /** The arguments, without those that started the runtime and the script. */
  readonly args: ReadonlyArray<string>
  /** Formats to use instead of the built-in ones. */
  readonly formats?: ReadonlyArray<FormatSource>
  /** Opens stores instead of `openStore`. */
  readonly stores?: StoreOpener
}

/**
 * Runs the command, then ends the process with its exit code. It expects to own the process: it sets how the process
 * uses memory (adapters/runtime/memory.ts), and handles its signals. The first signal interrupts the command, which
 * releases what it has open and ends with 130. A second signal ends the process at once.
 *
 * @example Run `penstock` with a store of your own
 * ```ts
 * import { openStore } from "@penstock/penstock/adapters"
 * import { penstock, run } from "@penstock/penstock/cli"
 *
 * export const main = (): Promise<void> =>
 *   run({
 *     command: penstock,
 *     args: process.argv.slice(2),
 *     stores: (location, options) => openStore(location.replace(/^vault:/, "s3://vault/"), options),
 *   })
 * ```
 */
export const run = async (options: RunOptions): Promise<void> => {
  leanMemory()
  process.exit(await exitCode(options, (interrupt) => onSignal(interrupt, () => process.exit(EXIT_INTERRUPTED))))
}

/**
 * Runs the command as far as its exit code, for {@link run} and for tests that run commands in their own process.
 * `onInterrupt` receives what interrupts it.
 */
export const exitCode = async (
  { args, command, formats = builtInFormats, stores }: RunOptions,
  onInterrupt: (interrupt: () => void) => void,
): Promise<number> => {
  const empty = emptyArgument(args)
  if (empty !== undefined) {
    printError(`penstock: ${empty}`)
    return EXIT_FAILURE
  }
  let code = EXIT_OK
  const root = command((given) => code = given, formats)
  let program: Effect.Effect<void, unknown> = Command.runWith(root, { version: VERSION })(
    root.subcommands.length > 0 ? subcommandFirst(args, nestedOf(root)) : args,
  ).pipe(Effect.provide(parserServices), Effect.provideService(Formats, formats))
  if (stores !== undefined) {
    const { Stores } = await import("./repository/store.ts")
    program = Effect.provideService(program, Stores, stores)
  }
  const fiber = Effect.runFork(program)
  let interrupted = false
  onInterrupt(() => {
    interrupted = true
    fiber.interruptUnsafe(fiber.id)
  })
  // A runtime may end a process that waits only for a promise. The timer keeps it alive until the fiber is done.
  const alive = setInterval(() => {}, 1 << 30)
  const exit = await Effect.runPromise(Fiber.await(fiber))
  clearInterval(alive)
  if (Exit.isFailure(exit)) code = explain(exit.cause, args)
  else if (interrupted) code = EXIT_INTERRUPTED
  flush()
  const unwritten = outputError()
  if (unwritten !== undefined) {
    printError(`penstock: ${unwritten}`)
    if (code === EXIT_OK) code = EXIT_FAILURE
  }
  return code
}

/** The subcommands that have subcommands of their own. */
const nestedOf = ({ subcommands }: AnyCommand): ReadonlySet<string> =>
  new Set(
    subcommands.flatMap(({ commands }) => commands).filter((one) => one.subcommands.length > 0).map(({ name }) => name),
  )

/** Prints why a command failed, with the trace if `--debug` is given. Returns the exit code. */
const explain = (cause: Cause.Cause<unknown>, args: ReadonlyArray<string>): number => {
  const { code, message } = endingOf(cause)
  if (message !== undefined) printError(`penstock: ${message}`)
  else if (code === EXIT_INTERRUPTED) printError("penstock: interrupted")
  const end = args.indexOf("--")
  if (message !== undefined && args.slice(0, end < 0 ? args.length : end).includes("--debug")) {
    for (const line of Cause.pretty(cause).split("\n")) printError(line)
  }
  return code
}

/** Runs a command line as this process: signals, errors, exit code. */
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import type { CliError } from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import type { HelpDoc } from "effect/cli/HelpDoc"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Path from "effect/Path"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import process from "node:process"
import { emptyArgument } from "./arguments/empty.ts"
import { subcommandFirst } from "./arguments/subcommand_first.ts"
import { leanMemory } from "../adapters/runtime/memory.ts"
import type { OnExit } from "./arguments/flags.ts"
import { endingOf, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from "./process/exit_codes.ts"
import type { FormatSource } from "./repository/formats.ts"
import { flush, outputError, print, printError, printErrorLines } from "./output/output.ts"
import { VERSION } from "./release.ts"
import { onSignal } from "./process/signals.ts"
import type { StoreOpener } from "./repository/store.ts"

/** What to run. */
export interface RunOptions {
  /** Makes the command; `exit` is called with its exit code when it succeeds. */
  readonly command: (exit: OnExit) => Command.Command<string, unknown, never, unknown, never>
  /** The arguments, without those that started the runtime and the script. */
  readonly args: ReadonlyArray<string>
  /** Formats to use instead of the built-in ones. */
  readonly formats?: ReadonlyArray<FormatSource>
  /** Opens stores instead of `openStore`. */
  readonly stores?: StoreOpener
}

/**
 * Runs the command and ends the process with its exit code. The process is its own: it makes it lean (see `memory.ts`),
 * and signals interrupt it (see `signals.ts`): what it has open is released, then the process ends with 130. A second
 * signal ends it at once.
 */
export const run = async ({ command, args, formats, stores }: RunOptions): Promise<void> => {
  const empty = emptyArgument(args)
  if (empty !== undefined) {
    printError(`penstock: ${empty}`)
    process.exit(EXIT_FAILURE)
  }
  leanMemory()
  let code = EXIT_OK
  const root = command((given) => code = given)
  let program: Effect.Effect<void, unknown> = Command.runWith(root, { version: VERSION })(
    root.subcommands.length > 0 ? subcommandFirst(args) : args,
  ).pipe(Effect.provide(environment))
  if (formats !== undefined) {
    const { Formats } = await import("./repository/formats.ts")
    program = Effect.provideService(program, Formats, formats)
  }
  if (stores !== undefined) {
    const { Stores } = await import("./repository/store.ts")
    program = Effect.provideService(program, Stores, stores)
  }
  const fiber = Effect.runFork(program)
  let interrupted = false
  onSignal(() => {
    interrupted = true
    fiber.interruptUnsafe(fiber.id)
  }, () => process.exit(EXIT_INTERRUPTED))
  // A runtime may end a process that only waits for a promise; this keeps it until the fiber is done.
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
  process.exit(code)
}

/** Prints why a command failed; gives the exit code. */
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

const formatter = CliOutput.defaultFormatter({ globalFlags: "summary" })

/**
 * Help goes to stdout when asked for; what is wrong with the arguments to stderr, in one line that says where help is.
 */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    Effect.sync(() => {
      if (event._tag === "Version") return print(`${event.name} ${event.version}\n`)
      const path = event.commandPath.join(" ")
      if (event._tag === "InvalidInvocation") {
        for (const error of event.errors) printError(`penstock: ${sentence(error)} (see ${path} --help)`)
        return
      }
      const help = spaced(formatter.formatHelpDoc(plain(event.helpDoc)))
      if (event.reason === "Requested") print(`${help}\n`)
      else printErrorLines(help)
    }),
}

/** Options that are there or not take no value that is worth telling; see `flag`. */
const plain = (doc: HelpDoc): HelpDoc => ({
  ...doc,
  flags: doc.flags.map((flag) => flag.type === "[=boolean]" ? { ...flag, type: "boolean" } : flag),
})

/** The formatter leaves no blank line before the examples of a command that has subcommands. */
// deno-lint-ignore no-control-regex
const spaced = (help: string): string => help.replace(/([^\n])\n((?:\x1b\[1m)?EXAMPLES)/, "$1\n\n$2")

/** The error as one line, without the colours that the formatter gives it. */
const sentence = (error: CliError): string => {
  // deno-lint-ignore no-control-regex
  const lines = formatter.formatCliError(error).replace(/\x1b\[[0-9;]*m/g, "").split("\n").map((line) => line.trim())
    .filter((line) => line !== "")
  const hint = lines.indexOf("Did you mean this?")
  return hint < 0
    ? lines.join(" ")
    : `${lines.slice(0, hint).join(" ")}; did you mean ${lines.slice(hint + 1).join(" or ")}?`
}

/** `--version` without the short form that the library gives it: `-v` is `--verbose`, as elsewhere. */
const version: GlobalFlag.Action<boolean> = GlobalFlag.Action({
  flag: Flag.Boolean("version").pipe(Flag.withDescription("Show version information"), Flag.withDefault(false)),
  run: GlobalFlag.Version.run,
})

/** What libraries log goes to stderr: stdout belongs to the result. */
const logger = Logger.make(({ message }) => {
  for (const part of Array.isArray(message) ? message : [message]) printError(`penstock: ${part}`)
})

/**
 * What the argument parser asks for. It touches neither files nor processes: no flag here is of a kind that reads
 * files.
 */
const environment = Layer.mergeAll(
  FileSystem.layerNoop({}),
  Path.layer,
  Stdio.layerTest({}),
  Layer.succeed(
    Terminal.Terminal,
    Terminal.make({
      columns: Effect.succeed(process.stdout.columns ?? 80),
      rows: Effect.succeed(process.stdout.rows ?? 24),
      size: Effect.die("not used"),
      readInput: Effect.die("not used"),
      readLine: Effect.die("not used"),
      display: () => Effect.void,
    }),
  ),
  Layer.succeed(
    ChildProcessSpawner.ChildProcessSpawner,
    ChildProcessSpawner.make(() => Effect.die("not used")),
  ),
  CliOutput.layerPresenter(presenter),
  Logger.layer([logger]),
  CliConfig.layer({ builtIns: [GlobalFlag.Help, version, GlobalFlag.Completions] }),
)

/** The services that the argument parser asks for. */
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Path from "effect/Path"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import process from "node:process"
import { printError } from "../output/streams.ts"
import { presenter, versionFlag } from "./help.ts"

/** Sends what libraries log to stderr, since stdout belongs to the result. */
const logger = Logger.make(({ message }) => {
  for (const part of Array.isArray(message) ? message : [message]) printError(`penstock: ${part}`)
})

/** Files and processes are stand-ins: no option here is of a kind for which the parser reads files. */
export const parserServices: Layer.Layer<
  | FileSystem.FileSystem
  | Path.Path
  | Stdio.Stdio
  | Terminal.Terminal
  | ChildProcessSpawner.ChildProcessSpawner
> = Layer.mergeAll(
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
  CliConfig.layer({ builtIns: [GlobalFlag.Help, versionFlag, GlobalFlag.Completions] }),
)

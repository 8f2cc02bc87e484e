/** The arguments of `stats`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type { StatsMode } from "../stats.ts"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { common, filters } from "./flags.ts"

const MODES: ReadonlyArray<StatsMode> = ["restore-size", "files-by-contents", "raw-data"]

/**
 * The subcommand `stats`. `exit` receives its exit code.
 *
 * @example Make `stats` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { statsCommand } from "@penstock/penstock/cli"
 *
 * const made = statsCommand((code) => console.log(code))
 * assert.equal(made.name, "stats")
 * ```
 */
export const statsCommand = (exit: OnExit): AnyCommand =>
  command(
    "stats",
    {
      ids: Argument.String("id").pipe(
        Argument.withMetavar("ID"),
        Argument.withDescription("Only these snapshots: starts of their IDs, or latest"),
        Argument.variadic(),
      ),
      ...common,
      ...filters,
      mode: Flag.Literals("mode", MODES).pipe(
        Flag.withMetavar("MODE"),
        Flag.withDescription("What to count (default: restore-size)"),
        Flag.withDefault("restore-size" as const),
      ),
    },
    (input) => import("../stats.ts").then((m) => m.stats(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Show how much snapshots hold, all or those that are chosen:\n" +
        "  restore-size        what a restore of each of them takes, added up\n" +
        "  files-by-contents   files with the same content counted once\n" +
        "  raw-data            what they take in the repository, and what only they do",
    ),
    Command.withShortDescription("Show how much snapshots hold"),
    Command.withExamples([
      { description: "How much would a restore take?", command: "penstock stats latest" },
      { description: "What would forgetting these free?", command: "penstock stats --mode raw-data 1a2b3c4d 5e6f7a8b" },
    ]),
  )

/** The arguments of `find`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { flag, text } from "./flag.ts"
import { common, filters, humanReadable, someSnapshots } from "./flags.ts"

/**
 * The subcommand `find`. `exit` receives its exit code.
 *
 * @example Make `find` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { findCommand } from "@penstock/penstock/cli"
 *
 * const made = findCommand((code) => console.log(code))
 * assert.equal(made.name, "find")
 * ```
 */
export const findCommand = (exit: OnExit): AnyCommand =>
  command(
    "find",
    {
      patterns: Argument.String("pattern").pipe(
        Argument.withMetavar("PATTERN"),
        Argument.withDescription("What to look for, in gitignore syntax: a name, or a path"),
        Argument.variadic(),
      ),
      ...common,
      ...filters,
      snapshot: someSnapshots,
      oldest: text("oldest", "TIME", "Only files that were last changed then or later, as 2026-11-21T08:30:00").pipe(
        Flag.withAlias("O"),
      ),
      newest: text("newest", "TIME", "Only files that were last changed then or earlier").pipe(Flag.withAlias("N")),
      ignoreCase: flag("ignore-case", "Upper and lower case are the same").pipe(Flag.withAlias("i")),
      long: flag("long", "With mode, owner, size and time").pipe(Flag.withAlias("l")),
      humanReadable,
      history: text("history", "PATH", "Instead, list the versions of this file, each once"),
    },
    (input) => import("../find.ts").then((m) => m.find(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Look for files in all snapshots, the oldest first. A letter before a path says in what it differs from\n" +
        "  the snapshot before: + added, M other content, T another type, U other metadata.",
    ),
    Command.withShortDescription("Look for files in many snapshots"),
    Command.withExamples([
      { description: "By name, in detail", command: "penstock find -l '*.jpg'" },
      { description: "When a file changed", command: "penstock find --history letters/april.txt" },
    ]),
  )

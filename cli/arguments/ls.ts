/** The arguments of `ls`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { SORT_KEYS } from "../output/sort.ts"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { argument, flag } from "./flag.ts"
import { common, filters, humanReadable } from "./flags.ts"

/**
 * The subcommand `ls`. `exit` receives its exit code.
 *
 * @example Make `ls` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { lsCommand } from "@penstock/penstock/cli"
 *
 * const made = lsCommand((code) => console.log(code))
 * assert.equal(made.name, "ls")
 * ```
 */
export const lsCommand = (exit: OnExit): AnyCommand =>
  command(
    "ls",
    {
      snapshot: argument("snapshot", "The start of a snapshot ID, or latest (default: latest)"),
      paths: Argument.String("path").pipe(
        Argument.withMetavar("PATH"),
        Argument.withDescription(
          "Only these files, and these directories with what is directly in them (default: all)",
        ),
        Argument.variadic(),
      ),
      ...common,
      ...filters,
      long: flag("long", "With mode, owner, size and time").pipe(Flag.withAlias("l")),
      humanReadable,
      recursive: flag("recursive", "With everything beneath PATH"),
      sort: Flag.Literals("sort", SORT_KEYS).pipe(
        Flag.withMetavar("KEY"),
        Flag.withDescription("Sort by name, size, time or extension"),
        Flag.optional,
        Flag.map(Option.getOrUndefined),
      ),
      reverse: flag("reverse", "Sort the other way round"),
      ncdu: flag("ncdu", "Print what ncdu imports, to see what takes up space: penstock ls --ncdu | ncdu -f -"),
    },
    (input) => import("../ls.ts").then((m) => m.ls(input)),
    exit,
  ).pipe(
    Command.withDescription("List the paths in a snapshot, one per line"),
    Command.withExamples([
      { description: "The latest snapshot", command: "penstock ls -r /mnt/disk/backups" },
      {
        description: "One directory of another, in detail",
        command: "penstock ls -r /mnt/disk/backups -l 1a2b3c4d letters",
      },
    ]),
  )

/** The arguments of `ls`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { argument, flag } from "./flag.ts"
import { common, filters } from "./flags.ts"

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
      path: argument("path", "Only what is at or beneath this path in the snapshot"),
      ...common,
      ...filters,
      long: flag("long", "With mode, owner, size and time").pipe(Flag.withAlias("l")),
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

/** The arguments of `diff`. */
import * as Command from "effect/cli/Command"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { argument, flag } from "./flag.ts"
import { common, filters } from "./flags.ts"

/**
 * The subcommand `diff`. `exit` receives its exit code.
 *
 * @example Make `diff` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { diffCommand } from "@penstock/penstock/cli"
 *
 * const made = diffCommand((code) => console.log(code))
 * assert.equal(made.name, "diff")
 * ```
 */
export const diffCommand = (exit: OnExit): AnyCommand =>
  command(
    "diff",
    {
      before: argument("before", "The start of a snapshot ID, or latest"),
      after: argument("after", "The start of another one, or latest"),
      path: argument("path", "Only what is at or beneath this path in both snapshots"),
      ...common,
      ...filters,
      metadata: flag("metadata", "Also show what has only another mode, owner, time or hard link"),
    },
    (input) => import("../diff.ts").then((m) => m.diff(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Show in what two snapshots differ, from the first to the second. Each line begins with\n" +
        "  + added, - removed, M other content, T another type, U other metadata (--metadata).\n" +
        "  M? is another content with the same size and times: a disk may have failed.\n" +
        "  Of a text file, it shows the lines that have changed.",
    ),
    Command.withShortDescription("Show in what two snapshots differ"),
    Command.withExamples([
      { description: "What has changed since", command: "penstock diff 1a2b3c4d latest" },
      { description: "In the text of a file", command: "penstock diff 1a2b3c4d latest letters/april.txt" },
      {
        description: "In one directory, with modes, owners and times",
        command: "penstock diff --metadata 1a2b 5e6f docs",
      },
    ]),
  )

/** The arguments of `snapshots`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { flag, text } from "./flag.ts"
import { common, filters } from "./flags.ts"

/**
 * The subcommand `snapshots`. `exit` receives its exit code.
 *
 * @example Make `snapshots` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { snapshotsCommand } from "@penstock/penstock/cli"
 *
 * const made = snapshotsCommand((code) => console.log(code))
 * assert.equal(made.name, "snapshots")
 * ```
 */
export const snapshotsCommand = (exit: OnExit): AnyCommand =>
  command(
    "snapshots",
    {
      ...common,
      ...filters,
      latest: text("latest", "N", "Only the last N snapshots of each host and paths, or of each group of --group-by"),
      groupBy: text("group-by", "FACTS", "A list for each group of the same host, paths, tags, with commas").pipe(
        Flag.withAlias("g"),
      ),
      compact: flag("compact", "Leave out the number of files and the paths").pipe(Flag.withAlias("c")),
      stale: text("stale", "AGE", "List only hosts whose newest snapshot is older than AGE, such as 26h; 3 if any is"),
    },
    (input) => import("../snapshots.ts").then((m) => m.snapshots(input)),
    exit,
  ).pipe(
    Command.withDescription("List the snapshots of a repository, oldest first"),
    Command.withExamples([
      { description: "All snapshots", command: "penstock snapshots -r /mnt/disk/backups" },
      { description: "The last one of each host", command: "penstock snapshots --group-by host --latest 1" },
      { description: "Whose last backup is too old?", command: "penstock snapshots --stale 26h -r /mnt/disk/backups" },
    ]),
  )

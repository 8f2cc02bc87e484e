/** The arguments of `snapshots`. */
import * as Command from "effect/cli/Command"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { text } from "./flag.ts"
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
      stale: text("stale", "AGE", "List only hosts whose newest snapshot is older than AGE, such as 26h; 3 if any is"),
    },
    (input) => import("../snapshots.ts").then((m) => m.snapshots(input)),
    exit,
  ).pipe(
    Command.withDescription("List the snapshots of a repository, oldest first"),
    Command.withExamples([
      { description: "All snapshots", command: "penstock snapshots -r /mnt/disk/backups" },
      { description: "Whose last backup is too old?", command: "penstock snapshots --stale 26h -r /mnt/disk/backups" },
    ]),
  )

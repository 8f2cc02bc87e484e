/** The arguments of `copy`. */
import * as Command from "effect/cli/Command"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { common, copyTarget, dryRun, filters, someSnapshots } from "./flags.ts"

/**
 * The subcommand `copy`. `exit` receives its exit code.
 *
 * @example Make `copy` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { copyCommand } from "@penstock/penstock/cli"
 *
 * const made = copyCommand((code) => console.log(code))
 * assert.equal(made.name, "copy")
 * ```
 */
export const copyCommand = (exit: OnExit): AnyCommand =>
  command(
    "copy",
    {
      ...common,
      ...filters,
      ...copyTarget,
      snapshot: someSnapshots,
      dryRun: dryRun("Only name what would be copied"),
    },
    (input) => import("../copy.ts").then((m) => m.copy(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Copy the snapshots of one repository into another of the same format. It must exist: see init --from-repo.\n" +
        "  Only data that the target lacks is read and written. Snapshots that it already has are skipped, so the\n" +
        "  command can be repeated after an interruption.",
    ),
    Command.withShortDescription("Copy snapshots into another repository"),
    Command.withExamples([
      {
        description: "Every snapshot that the target lacks",
        command: "penstock copy -r /mnt/disk/backups --to /mnt/other/backups",
      },
      {
        description: "The latest snapshot",
        command: "penstock copy -r /mnt/disk/backups --to /mnt/other/backups -s latest",
      },
    ]),
  )

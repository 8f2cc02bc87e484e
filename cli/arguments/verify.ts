/** The arguments of `verify`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { common, filters, someSnapshots } from "./flags.ts"

/**
 * The subcommand `verify`. `exit` receives its exit code.
 *
 * @example Make `verify` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { verifyCommand } from "@penstock/penstock/cli"
 *
 * const made = verifyCommand((code) => console.log(code))
 * assert.equal(made.name, "verify")
 * ```
 */
export const verifyCommand = (exit: OnExit): AnyCommand =>
  command(
    "verify",
    {
      ...common,
      ...filters,
      snapshot: someSnapshots,
      sample: Flag.String("sample").pipe(
        Flag.withMetavar("N"),
        Flag.withDescription("How many files to take (default: 20)"),
        Flag.withDefault("20"),
      ),
    },
    (input) => import("../verify.ts").then((m) => m.verify(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Restore files that are taken at random to memory, and verify them. Those of this machine that have not\n" +
        "  changed since are compared with the files here. Prints one line, for monitoring.",
    ),
    Command.withShortDescription("Restore some files to memory, as a drill"),
    Command.withExamples([
      { description: "100 files of any snapshots", command: "penstock verify -r /mnt/disk/backups --sample 100" },
    ]),
  )

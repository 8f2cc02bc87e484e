/** The arguments of `check`. */
import * as Command from "effect/cli/Command"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { flag, text } from "./flag.ts"
import { common, filters, someSnapshots } from "./flags.ts"

/**
 * The subcommand `check`. `exit` receives its exit code.
 *
 * @example Make `check` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { checkCommand } from "@penstock/penstock/cli"
 *
 * const made = checkCommand((code) => console.log(code))
 * assert.equal(made.name, "check")
 * ```
 */
export const checkCommand = (exit: OnExit): AnyCommand =>
  command(
    "check",
    {
      ...common,
      ...filters,
      snapshot: someSnapshots,
      readData: flag("read-data", "Read and verify every stored byte"),
      readDataSubset: text(
        "read-data-subset",
        "PART",
        "Read and verify a part of the data: 1/10, then 2/10 and so on to cover all; or 10%, or 50G, at random",
      ),
      recover: flag("recover", "zprt: search the whole archive for files, with or without its index"),
    },
    (input) => import("../check.ts").then((m) => m.check(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Verify a repository: every snapshot, index and pack is there, and they fit each other.\n" +
        "  Names each damaged object and each file that cannot be restored whole. The exit code is then 1.",
    ),
    Command.withShortDescription("Verify a repository"),
    Command.withExamples([
      { description: "The structure, which is quick", command: "penstock check -r /mnt/disk/backups" },
      { description: "Every byte", command: "penstock check -r /mnt/disk/backups --read-data" },
    ]),
  )

/** The arguments of `convert`. */
import * as Command from "effect/cli/Command"
import { builtInFormats, type FormatSource } from "../repository/formats.ts"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { flag } from "./flag.ts"
import { common, destination, dryRun, filters, someSnapshots } from "./flags.ts"

/**
 * The subcommand `convert`. `exit` receives its exit code. `formats` are those that its help offers.
 *
 * @example Make `convert` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { convertCommand } from "@penstock/penstock/cli"
 *
 * const made = convertCommand((code) => console.log(code))
 * assert.equal(made.name, "convert")
 * ```
 */
export const convertCommand = (exit: OnExit, formats: ReadonlyArray<FormatSource> = builtInFormats): AnyCommand =>
  command(
    "convert",
    {
      ...common,
      ...filters,
      ...destination(formats),
      snapshot: someSnapshots,
      all: flag("all", "All snapshots, which is the default"),
      dryRun: dryRun("Only name what would be converted, and what would be lost"),
    },
    (input) => import("../convert.ts").then((m) => m.convert(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Make the snapshots of one repository in another, of any format. The target is made if it does not exist.\n" +
        "  Snapshots that the target already has are skipped, so the command can be repeated after an interruption.",
    ),
    Command.withShortDescription("Make the snapshots of one repository in another"),
    Command.withExamples([
      {
        description: "Everything, into a repository of another format",
        command: "penstock convert -r /mnt/disk/backups --to /mnt/disk/fog --to-format fogsync --to-key-file fog.key",
      },
      {
        description: "One snapshot as an archive for someone else",
        command: "penstock convert -s 1a2b3c4d --to letters.zprt --to-format zprt --to-recipient age1...",
      },
    ]),
  )

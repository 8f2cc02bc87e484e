/** The arguments of `init`. */
import * as Command from "effect/cli/Command"
import { describeFormatOptions } from "../repository/format_options.ts"
import { builtInFormats, type FormatSource } from "../repository/formats.ts"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { flag, text } from "./flag.ts"
import { common, creation } from "./flags.ts"

/**
 * The subcommand `init`. `exit` receives its exit code. `formats` are those that its help offers.
 *
 * @example Make `init` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { initCommand } from "@penstock/penstock/cli"
 *
 * const made = initCommand((code) => console.log(code))
 * assert.equal(made.name, "init")
 * ```
 */
export const initCommand = (exit: OnExit, formats: ReadonlyArray<FormatSource> = builtInFormats): AnyCommand =>
  command(
    "init",
    {
      ...common,
      ...creation(formats),
      fromRepo: text(
        "from-repo",
        "REPO",
        "rozen: use the key of this repository, so that both cut and name chunks alike and copies are cheaper",
      ),
      fromPasswordFile: text("from-password-file", "FILE", "Its password ($PENSTOCK_FROM_PASSWORD, ..._FILE)"),
      fromPasswordCommand: text(
        "from-password-command",
        "COMMAND",
        "A command that prints its password ($PENSTOCK_FROM_PASSWORD_COMMAND)",
      ),
      fromNewRepository: flag("from-new-repository", "Accept another repository there than last time"),
    },
    (input) => import("../init.ts").then((m) => m.init(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Make a new repository. You are asked for its password, unless an option or a variable gives it, an age\n" +
        "  recipient or a key file. Keep the secret safe: without it, nobody can read the backups. docs/command.md\n" +
        "  says which secrets each format takes.\n\n" +
        `  Options of formats, as in -o zprt.layout=program:\n${describeFormatOptions(formats)}`,
    ),
    Command.withShortDescription("Make a new repository"),
    Command.withExamples([
      { description: "On a disk", command: "penstock init -r /mnt/disk/backups" },
      {
        description: "In a script",
        command: "penstock init -r /mnt/disk/backups --password-file ~/.penstock-password",
      },
      {
        description: "For copies of the snapshots of another repository",
        command: "penstock init -r /mnt/other/backups --from-repo /mnt/disk/backups",
      },
      {
        description: "In another format, with a key file",
        command: "openssl rand -hex 32 > fog.key && penstock init -r /mnt/disk/fog --format fogsync --key-file fog.key",
      },
    ]),
  )

/**
 * The command `penstock` with its subcommands. The arguments, help and examples of each are in `arguments/`. What it
 * does is in the file of its name beside this one, which is loaded when the subcommand runs.
 */
import * as Command from "effect/cli/Command"
import { backupCommand } from "./arguments/backup.ts"
import { catCommand } from "./arguments/cat.ts"
import { checkCommand } from "./arguments/check.ts"
import type { AnyCommand, OnExit } from "./arguments/command.ts"
import { convertCommand } from "./arguments/convert.ts"
import { copyCommand } from "./arguments/copy.ts"
import { diffCommand } from "./arguments/diff.ts"
import { dumpCommand } from "./arguments/dump.ts"
import { findCommand } from "./arguments/find.ts"
import { forgetCommand } from "./arguments/forget.ts"
import { initCommand } from "./arguments/init.ts"
import { keyCommand } from "./arguments/key.ts"
import { lsCommand } from "./arguments/ls.ts"
import { rebuildCommand } from "./arguments/rebuild.ts"
import { restoreCommand } from "./arguments/restore.ts"
import { snapshotsCommand } from "./arguments/snapshots.ts"
import { statsCommand } from "./arguments/stats.ts"
import { verifyCommand } from "./arguments/verify.ts"
import { versionCommand } from "./arguments/version.ts"
import { builtInFormats, type FormatSource } from "./repository/formats.ts"

/**
 * The whole command. `exit` receives the exit code when a subcommand ends without an error. `formats` are those that
 * `--format` and `--to-format` offer.
 *
 * @example List the subcommands
 * ```ts
 * import assert from "node:assert"
 * import { penstock } from "@penstock/penstock/cli"
 *
 * const names = penstock(() => {}).subcommands.flatMap((group) => group.commands.map((one) => one.name))
 * assert.deepEqual(names.slice(0, 3), ["init", "backup", "restore"])
 * ```
 */
export const penstock = (exit: OnExit, formats: ReadonlyArray<FormatSource> = builtInFormats): AnyCommand =>
  Command.make("penstock").pipe(
    Command.withDescription(
      "Backups that are deduplicated, compressed and encrypted.\n\n" +
        "  A repository holds snapshots. A snapshot is the state of your files at one time.\n" +
        "  Start with init, then backup; restore brings files back. Each command has its own --help.",
    ),
    Command.withSubcommands([
      initCommand(exit, formats),
      backupCommand("backup", "penstock backup", false, exit, formats),
      restoreCommand("restore", "penstock restore", exit),
      snapshotsCommand(exit),
      lsCommand(exit),
      findCommand(exit),
      diffCommand(exit),
      statsCommand(exit),
      dumpCommand(exit),
      checkCommand(exit),
      verifyCommand(exit),
      rebuildCommand(exit),
      forgetCommand(exit),
      copyCommand(exit),
      convertCommand(exit, formats),
      keyCommand(exit),
      catCommand(exit),
      versionCommand(exit),
    ]),
    Command.withExamples([
      { description: "Name the repository once", command: "export PENSTOCK_REPO=/mnt/disk/backups" },
      { description: "Make it; asks for a new password", command: "penstock init" },
      { description: "Back up your documents", command: "penstock backup ~/documents" },
      { description: "List the snapshots", command: "penstock snapshots" },
      { description: "Restore the latest", command: "penstock restore --target ~/restored" },
      { description: "Complete commands with Tab", command: "penstock --completions bash >> ~/.bashrc" },
    ]),
  ) as AnyCommand

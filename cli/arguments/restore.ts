/** The arguments of `restore`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { flag, texts } from "./flag.ts"
import { common, dryRun, filters, snapshotFlag } from "./flags.ts"

const OVERWRITE = ["always", "if-changed", "if-newer", "never"] as const

/**
 * The subcommand `restore`, or a command of its own. `name` is how it is called and `usage` what its help shows. `exit`
 * receives its exit code.
 *
 * @example Make `restore` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { restoreCommand } from "@penstock/penstock/cli"
 *
 * const made = restoreCommand("restore", "keep restore", (code) => console.log(code))
 * assert.equal(made.name, "restore")
 * ```
 */
export const restoreCommand = (name: string, usage: string, exit: OnExit): AnyCommand =>
  command(
    name,
    {
      paths: Argument.String("path").pipe(
        Argument.withMetavar("PATH"),
        Argument.withDescription("Only what is at or beneath these paths in the snapshot (default: all)"),
        Argument.variadic(),
      ),
      ...common,
      ...filters,
      target: Flag.String("target").pipe(
        Flag.withAlias("t"),
        Flag.withMetavar("DIR"),
        Flag.withDescription("Where to write; made if it does not exist. Required"),
      ),
      snapshot: snapshotFlag,
      include: texts("include", "PATTERN", "Only what matches, in gitignore syntax; repeatable").pipe(
        Flag.withAlias("i"),
      ),
      iinclude: texts("iinclude", "PATTERN", "The same, but the case of letters does not count"),
      exclude: texts("exclude", "PATTERN", "Leave out what matches; repeatable").pipe(Flag.withAlias("e")),
      iexclude: texts("iexclude", "PATTERN", "The same, but the case of letters does not count"),
      excludeFile: texts("exclude-file", "FILE", "Leave out what matches a pattern in FILE; repeatable"),
      overwrite: Flag.Literals("overwrite", OVERWRITE).pipe(
        Flag.withMetavar("WHEN"),
        Flag.withDescription("When to replace what is there: always (the default), if-changed, if-newer or never"),
        Flag.withDefault("always"),
      ),
      delete: flag("delete", "Delete what the snapshot does not have; try it with --dry-run first"),
      verify: flag("verify", "Read back what was written, and compare"),
      dryRun: dryRun("Only name what would be restored, or deleted"),
      devices: flag("devices", "Restore device nodes too"),
      noOwner: flag("no-owner", "Do not restore owners (root restores them by default)"),
    },
    (input) => import("../restore.ts").then((m) => m.restore(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Write the files of a snapshot to a directory. Files there that are the same already are left alone.\n" +
        "  Files of the same name that differ are replaced; see --overwrite.",
    ),
    Command.withShortDescription("Write the files of a snapshot to a directory"),
    Command.withExamples([
      {
        description: "Everything, from the latest snapshot",
        command: `${usage} -r /mnt/disk/backups --target ~/restored`,
      },
      {
        description: "One directory, as it was in an earlier snapshot",
        command: `${usage} -r /mnt/disk/backups --snapshot 1a2b3c4d --target ~/restored letters/2026`,
      },
      {
        description: "Files by name, anywhere in the snapshot",
        command: `${usage} -r /mnt/disk/backups --target ~/restored --include '*.jpg'`,
      },
    ]),
  )

/** The arguments of `restore`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { type AnyCommand, command, common, dryRun, filters, flag, type OnExit, snapshotFlag, texts } from "./flags.ts"

/** `restore`, under the name by which it is called. */
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
        Flag.withDescription("Where to write; made when it is not there. Required"),
      ),
      snapshot: snapshotFlag,
      include: texts("include", "PATTERN", "Only what matches, in gitignore syntax; repeatable").pipe(
        Flag.withAlias("i"),
      ),
      dryRun: dryRun("Name what would be restored"),
      devices: flag("devices", "Restore device nodes too"),
      noOwner: flag("no-owner", "Do not restore owners (they are by default when running as root)"),
    },
    (input) => import("../restore.ts").then((m) => m.restore(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Write the files of a snapshot to a directory. Files there that are the same already are left as they are,\n" +
        "  others of the same name are replaced; nothing is deleted.",
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
        description: "By name, wherever they are",
        command: `${usage} -r /mnt/disk/backups --target ~/restored --include '*.jpg'`,
      },
    ]),
  )

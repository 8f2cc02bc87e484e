/** The arguments of `backup`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import {
  type AnyCommand,
  command,
  common,
  compression,
  creation,
  dryRun,
  flag,
  type OnExit,
  text,
  texts,
} from "./flags.ts"

const backupArguments = {
  paths: Argument.String("path").pipe(
    Argument.withMetavar("PATH"),
    Argument.withDescription("Files and directories; one directory: its content, several: each under its own name"),
    Argument.variadic(),
  ),
  ...common,
  exclude: texts(
    "exclude",
    "PATTERN",
    "Leave out what matches, in gitignore syntax, relative to each PATH; repeatable",
  ),
  excludeFile: texts("exclude-file", "FILE", "Read exclude patterns from FILE, one a line; repeatable"),
  excludeCaches: flag("exclude-caches", "Leave out what is in directories with a CACHEDIR.TAG"),
  oneFileSystem: flag("one-file-system", "Do not enter other file systems").pipe(Flag.withAlias("x")),
  stdin: flag("stdin", "Back up standard input as one file"),
  stdinFromCommand: flag(
    "stdin-from-command",
    "Back up what the command prints that is given instead of paths; no snapshot is made when it fails",
  ),
  stdinFilename: text("stdin-filename", "NAME", "Name of that file (default: stdin)"),
  tar: flag("tar", "Back up what is in a tar archive that comes in on standard input"),
  dryRun: dryRun("Do all but write"),
  tag: texts("tag", "TAG[,TAG]...", "Give the snapshot these tags; repeatable"),
  host: text("host", "NAME", "Host name to record (default: this machine's)").pipe(Flag.withAlias("H")),
  time: text("time", "TIME", "Time to record, as 2026-11-21T08:30:00 (default: now)"),
  parent: text(
    "parent",
    "ID",
    "Snapshot whose unchanged files are not read again, or none (default: the last of the same paths)",
  ),
  force: flag("force", "Read every file again, as --parent none").pipe(Flag.withAlias("f")),
  compression,
  ...creation,
}

/** `backup`, under the name by which it is called. `init`: whether it makes a repository without being told to. */
export const backupCommand = (name: string, usage: string, init: boolean, exit: OnExit): AnyCommand => {
  const config = { ...backupArguments, init: flag("init", "Make the repository when there is none") }
  return command(
    name,
    init ? backupArguments : config,
    (input) => import("../backup.ts").then((m) => m.backup({ init, ...input })),
    exit,
  ).pipe(
    Command.withDescription(
      "Store files as a new snapshot. Only what the repository does not have is added to it.\n" +
        "  Files that cannot be read or change meanwhile are named, and the exit code is 3.",
    ),
    Command.withShortDescription("Store files as a new snapshot"),
    Command.withExamples([
      { description: "Back up a directory", command: `${usage} -r /mnt/disk/backups ~/documents` },
      {
        description: "Several, without what can be made again",
        command: `${usage} -r /mnt/disk/backups ~/documents ~/photos --exclude node_modules --exclude '*.tmp'`,
      },
      { description: "See what would be done", command: `${usage} -r /mnt/disk/backups --dry-run ~/documents` },
      {
        description: "A database dump, without a file in between",
        command: `${usage} -r /mnt/disk/backups --stdin-filename shop.sql --stdin-from-command -- pg_dump shop`,
      },
      {
        description: "Files of another machine",
        command: `ssh web tar -c --format=posix /var/www | ${usage} -r /mnt/disk/backups --tar --host web`,
      },
    ]),
  )
}

/** The arguments of `backup`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { builtInFormats, type FormatSource } from "../repository/formats.ts"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { flag, text, texts } from "./flag.ts"
import { common, compression, creation, dryRun } from "./flags.ts"

const backupArguments = (formats: ReadonlyArray<FormatSource>) => ({
  paths: Argument.String("path").pipe(
    Argument.withMetavar("PATH"),
    Argument.withDescription(
      "Files and directories. The content of one directory, or each of several under its own name",
    ),
    Argument.variadic(),
  ),
  ...common,
  exclude: texts(
    "exclude",
    "PATTERN",
    "Leave out what matches, in gitignore syntax, relative to each PATH; repeatable",
  ).pipe(Flag.withAlias("e")),
  excludeFile: texts("exclude-file", "FILE", "Read exclude patterns from FILE, one per line; repeatable"),
  excludeCaches: flag("exclude-caches", "Leave out the content of directories that have a CACHEDIR.TAG"),
  oneFileSystem: flag("one-file-system", "Do not enter other file systems").pipe(Flag.withAlias("x")),
  stdin: flag("stdin", "Back up standard input as one file"),
  stdinFromCommand: flag(
    "stdin-from-command",
    "Take a command instead of paths and back up what it prints; if it fails, no snapshot is made",
  ),
  stdinFilename: text("stdin-filename", "NAME", "Name of that file in the snapshot (default: stdin)"),
  tar: flag("tar", "Back up the files in a tar archive that is read from standard input"),
  dryRun: dryRun("Do everything except write"),
  tag: texts("tag", "TAG[,TAG]...", "Give the snapshot these tags; repeatable"),
  host: text("host", "NAME", "Host name to record (default: this machine's)").pipe(Flag.withAlias("H")),
  time: text("time", "TIME", "Time to record, as 2026-11-21T08:30:00 (default: now)"),
  parent: text(
    "parent",
    "ID",
    "Do not read files again that are unchanged since this snapshot; or none (default: the last of the same paths)",
  ),
  force: flag("force", "Read every file again, like --parent none").pipe(Flag.withAlias("f")),
  compression,
  ...creation(formats),
})

/**
 * The subcommand `backup`, or a command of its own. `name` is how it is called and `usage` what its help shows. With
 * `init`, it makes a repository that does not exist without being told to. `exit` receives its exit code. `formats` are
 * those that its help offers.
 *
 * @example Make `backup` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { backupCommand } from "@penstock/penstock/cli"
 *
 * const made = backupCommand("backup", "keep backup", false, (code) => console.log(code))
 * assert.equal(made.name, "backup")
 * ```
 */
export const backupCommand = (
  name: string,
  usage: string,
  init: boolean,
  exit: OnExit,
  formats: ReadonlyArray<FormatSource> = builtInFormats,
): AnyCommand => {
  const config = backupArguments(formats)
  const withInit = { ...config, init: flag("init", "Make the repository if it does not exist") }
  return command(
    name,
    init ? config : withInit,
    (input) => import("../backup.ts").then((m) => m.backup({ init, ...input })),
    exit,
  ).pipe(
    Command.withDescription(
      "Store files as a new snapshot. Only data that the repository lacks is added.\n" +
        "  Files that cannot be read, or that change meanwhile, are named; the exit code is then 3.",
    ),
    Command.withShortDescription("Store files as a new snapshot"),
    Command.withExamples([
      { description: "Back up a directory", command: `${usage} -r /mnt/disk/backups ~/documents` },
      {
        description: "Several, without files that can be made again",
        command: `${usage} -r /mnt/disk/backups ~/documents ~/photos --exclude node_modules --exclude '*.tmp'`,
      },
      { description: "See what would be done", command: `${usage} -r /mnt/disk/backups --dry-run ~/documents` },
      {
        description: "A database dump, without a temporary file",
        command: `${usage} -r /mnt/disk/backups --stdin-filename shop.sql --stdin-from-command -- pg_dump shop`,
      },
      {
        description: "Files of another machine",
        command: `ssh web tar -c --format=posix /var/www | ${usage} -r /mnt/disk/backups --tar --host web`,
      },
    ]),
  )
}

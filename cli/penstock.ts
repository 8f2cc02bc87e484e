/**
 * The arguments of the commands, their help and examples. What a command does is in the file of its name, loaded when
 * the arguments say that it is needed.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { backupCommand } from "./arguments/backup.ts"
import { describeChoices } from "./repository/format_options.ts"
import {
  type AnyCommand,
  argument,
  command,
  common,
  copyTarget,
  creation,
  destination,
  dryRun,
  filters,
  flag,
  json,
  type OnExit,
  snapshotFlag,
  text,
  texts,
  verbose,
} from "./arguments/flags.ts"
import { builtIn } from "./repository/formats.ts"
import { restoreCommand } from "./arguments/restore.ts"

const initCommand = (exit: OnExit): AnyCommand =>
  command(
    "init",
    {
      ...common,
      ...creation,
      fromRepo: text(
        "from-repo",
        "REPO",
        "rozen: with the key of that repository, so that both cut and name chunks alike, and copies are cheaper",
      ),
      fromPasswordFile: text("from-password-file", "FILE", "Its password ($PENSTOCK_FROM_PASSWORD, ..._FILE)"),
      fromPasswordCommand: text("from-password-command", "COMMAND", "What prints it ($PENSTOCK_FROM_PASSWORD_COMMAND)"),
      fromNewRepository: flag("from-new-repository", "Another repository than the one of last time may be there"),
    },
    (input) => import("./init.ts").then((m) => m.init(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Make a new repository. You are asked for its password, unless PENSTOCK_PASSWORD or --password-file gives it.\n" +
        "  Keep the password safe: without it, nobody can read the backups. What other formats need instead is in docs/command.md.\n\n" +
        `  Options of formats, as in -o zprt.layout=program:\n${describeChoices(builtIn)}`,
    ),
    Command.withShortDescription("Make a new repository"),
    Command.withExamples([
      { description: "On a disk", command: "penstock init -r /mnt/disk/backups" },
      {
        description: "In a script",
        command: "penstock init -r /mnt/disk/backups --password-file ~/.penstock-password",
      },
      {
        description: "For copies of what is in another one",
        command: "penstock init -r /mnt/other/backups --from-repo /mnt/disk/backups",
      },
      {
        description: "Of another format, with a key file",
        command: "openssl rand -hex 32 > fog.key && penstock init -r /mnt/disk/fog --format fogsync --key-file fog.key",
      },
    ]),
  )

const snapshotsCommand = (exit: OnExit): AnyCommand =>
  command(
    "snapshots",
    {
      ...common,
      ...filters,
    },
    (input) => import("./snapshots.ts").then((m) => m.snapshots(input)),
    exit,
  ).pipe(
    Command.withDescription("List the snapshots of a repository, oldest first"),
    Command.withExamples([{ description: "All of them", command: "penstock snapshots -r /mnt/disk/backups" }]),
  )

const lsCommand = (exit: OnExit): AnyCommand =>
  command(
    "ls",
    {
      snapshot: argument("snapshot", "The start of a snapshot ID, or latest (default: latest)"),
      path: argument("path", "Only what is at or beneath this path in the snapshot"),
      ...common,
      ...filters,
      long: flag("long", "With mode, owner, size and time").pipe(Flag.withAlias("l")),
    },
    (input) => import("./ls.ts").then((m) => m.ls(input)),
    exit,
  ).pipe(
    Command.withDescription("List what is in a snapshot, one path a line"),
    Command.withExamples([
      { description: "The latest snapshot", command: "penstock ls -r /mnt/disk/backups" },
      { description: "A part of another, in detail", command: "penstock ls -r /mnt/disk/backups -l 1a2b3c4d letters" },
    ]),
  )

const dumpCommand = (exit: OnExit): AnyCommand =>
  command(
    "dump",
    {
      path: argument("path", "The file, or the directory (default: all of the snapshot)"),
      ...common,
      ...filters,
      snapshot: snapshotFlag,
      archive: Flag.Literals("archive", ["tar"]).pipe(
        Flag.withDescription("Write an archive, also of a single file; directories are always archives"),
        Flag.optional,
        Flag.map(Option.getOrUndefined),
      ),
    },
    (input) => import("./dump.ts").then((m) => m.dump(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Write a file of a snapshot to standard output, or a tar archive of a directory.\n" +
        "  The rows of --json go to standard error.",
    ),
    Command.withShortDescription("Write a file or a tar archive to standard output"),
    Command.withExamples([
      { description: "A file", command: "penstock dump letters/2026/april.txt | less" },
      { description: "Everything, as a compressed archive", command: "penstock dump | zstd > letters.tar.zst" },
    ]),
  )

const checkCommand = (exit: OnExit): AnyCommand =>
  command(
    "check",
    {
      ...common,
      ...filters,
      readData: flag("read-data", "Read and verify every stored byte"),
      readDataSubset: text("read-data-subset", "N%", "Read and verify a share of the data, such as 10%"),
      recover: flag("recover", "zprt: look through the whole archive for files, with or without its index"),
    },
    (input) => import("./check.ts").then((m) => m.check(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Verify a repository: that every snapshot, index and pack is there and fits the others.\n" +
        "  Whatever is damaged is named, with the files that cannot be restored whole; the exit code is then 1.",
    ),
    Command.withShortDescription("Verify a repository"),
    Command.withExamples([
      { description: "Its structure, which is quick", command: "penstock check -r /mnt/disk/backups" },
      { description: "Every byte", command: "penstock check -r /mnt/disk/backups --read-data" },
    ]),
  )

const rebuildCommand = (exit: OnExit): AnyCommand =>
  command("rebuild", common, (input) => import("./rebuild.ts").then((m) => m.rebuild(input)), exit).pipe(
    Command.withDescription("Make lost or damaged indexes and catalogs again, from the data alone"),
    Command.withExamples([{
      description: "After check found errors",
      command: "penstock rebuild -r /mnt/disk/backups",
    }]),
  )

const convertCommand = (exit: OnExit): AnyCommand =>
  command(
    "convert",
    {
      ...common,
      ...filters,
      ...destination,
      snapshot: texts("snapshot", "ID", "Only this snapshot: the start of its ID, or latest; repeatable").pipe(
        Flag.withAlias("s"),
      ),
      all: flag("all", "All snapshots, which is the default"),
      dryRun: dryRun("Name what would be converted, and what would be lost"),
    },
    (input) => import("./convert.ts").then((m) => m.convert(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Make the snapshots of one repository in another, of any format. The other is made when it is not there;\n" +
        "  snapshots that it has already are left, so this may be repeated, and goes on after it was stopped.",
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

const copyCommand = (exit: OnExit): AnyCommand =>
  command(
    "copy",
    {
      ...common,
      ...filters,
      ...copyTarget,
      snapshot: texts("snapshot", "ID", "Only this snapshot: the start of its ID, or latest; repeatable").pipe(
        Flag.withAlias("s"),
      ),
      dryRun: dryRun("Name what would be copied"),
    },
    (input) => import("./copy.ts").then((m) => m.copy(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Copy the snapshots of one repository into another of the same format, which is there: see init --from-repo.\n" +
        "  Only what the other does not have is read and written; snapshots that it has already are left, so this may be\n" +
        "  repeated, and goes on after it was stopped.",
    ),
    Command.withShortDescription("Copy snapshots into another repository"),
    Command.withExamples([
      {
        description: "Everything that is not there yet",
        command: "penstock copy -r /mnt/disk/backups --to /mnt/other/backups",
      },
      {
        description: "The latest snapshot",
        command: "penstock copy -r /mnt/disk/backups --to /mnt/other/backups -s latest",
      },
    ]),
  )

const versionCommand = (exit: OnExit): AnyCommand =>
  command(
    "version",
    { json, verbose: verbose("Also the runtime and the native code in use") },
    (input) => import("./version.ts").then((m) => m.version(input)),
    exit,
  ).pipe(Command.withDescription("Show the version"))

/** The whole command. */
export const penstock = (exit: OnExit): AnyCommand =>
  Command.make("penstock").pipe(
    Command.withDescription(
      "Backups that are deduplicated, compressed and encrypted.\n\n" +
        "  A repository holds snapshots; a snapshot is what your files were at one time.\n" +
        "  Start with init, then backup; restore gets files back. Each command has its own --help.",
    ),
    Command.withSubcommands([
      initCommand(exit),
      backupCommand("backup", "penstock backup", false, exit),
      restoreCommand("restore", "penstock restore", exit),
      snapshotsCommand(exit),
      lsCommand(exit),
      dumpCommand(exit),
      checkCommand(exit),
      rebuildCommand(exit),
      copyCommand(exit),
      convertCommand(exit),
      versionCommand(exit),
    ]),
    Command.withExamples([
      { description: "Name the repository once", command: "export PENSTOCK_REPO=/mnt/disk/backups" },
      { description: "Make it; asks for a new password", command: "penstock init" },
      { description: "Store your documents", command: "penstock backup ~/documents" },
      { description: "See what is there", command: "penstock snapshots" },
      { description: "Get them back", command: "penstock restore --target ~/restored" },
      { description: "Complete commands with Tab", command: "penstock --completions bash >> ~/.bashrc" },
    ]),
  ) as AnyCommand

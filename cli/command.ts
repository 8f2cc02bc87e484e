/**
 * The arguments of every command, their help and examples. What a command does is in the file of its name, loaded when the
 * arguments say that it is needed.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** How a handler hands over its exit code. */
export type OnExit = (code: number) => void

type AnyCommand = Command.Command<string, unknown, never, unknown, never>

const text = (name: string, metavar: string, description: string): Flag.Flag<string | undefined> =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined),
  )

const texts = (name: string, metavar: string, description: string): Flag.Flag<ReadonlyArray<string>> =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

const flag = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withoutNegation, Flag.withDefault(false))

const common = {
  repo: text("repo", "REPO", "The repository: a path or URL (default: $PENSTOCK_REPO)").pipe(Flag.withAlias("r")),
  passwordFile: text(
    "password-file",
    "FILE",
    "Read the password from the first line of FILE ($PENSTOCK_PASSWORD wins)",
  ),
  json: flag("json", "Print one JSON object per line, for scripts; the last has type summary"),
  quiet: flag("quiet", "Print errors and problems only").pipe(Flag.withAlias("q")),
  debug: flag("debug", "Show where an error came from"),
}

const FORMATS = ["rozen", "zprt", "bkp", "snapshot-catalog", "fogsync"] as const
const format = Flag.Literals("format", FORMATS).pipe(
  Flag.withMetavar("FORMAT"),
  Flag.withDescription("Format of a new repository (default: rozen); that of an existing one is recognised"),
  Flag.optional,
  Flag.map(Option.getOrUndefined),
)

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
  stdinFilename: text("stdin-filename", "NAME", "Name of that file (default: stdin)"),
  dryRun: flag("dry-run", "Do all but write").pipe(Flag.withAlias("n")),
  tag: texts("tag", "TAG", "Give the snapshot a tag; repeatable"),
  host: text("host", "NAME", "Host name to record (default: this machine's)"),
  time: text("time", "TIME", "Time to record, as 2026-11-21T08:30:00 (default: now)"),
  parent: text(
    "parent",
    "ID",
    "Snapshot whose unchanged files are not read again, or none (default: the last of the same paths)",
  ),
  force: flag("force", "Read every file again, as --parent none").pipe(Flag.withAlias("f")),
  format,
}

/** `backup`, under the name by which it is called. `init`: whether it makes a repository without being told to. */
export const backupCommand = (name: string, usage: string, init: boolean, exit: OnExit): AnyCommand => {
  const config = { ...backupArguments, init: flag("init", "Make the repository when there is none") }
  return command(
    name,
    init ? backupArguments : config,
    (input) => import("./backup.ts").then((m) => m.backup({ init, ...input })),
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
        command: `pg_dump shop | ${usage} -r /mnt/disk/backups --stdin --stdin-filename shop.sql`,
      },
    ]),
  )
}

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
      target: Flag.String("target").pipe(
        Flag.withAlias("t"),
        Flag.withMetavar("DIR"),
        Flag.withDescription("Where to write; made when it is not there. Required"),
      ),
      snapshot: Flag.String("snapshot").pipe(
        Flag.withAlias("s"),
        Flag.withMetavar("ID"),
        Flag.withDescription("The start of a snapshot ID, or latest (default: latest)"),
        Flag.withDefault("latest"),
      ),
      include: texts("include", "PATTERN", "Only what matches, in gitignore syntax; repeatable").pipe(
        Flag.withAlias("i"),
      ),
      dryRun: flag("dry-run", "Name what would be restored").pipe(Flag.withAlias("n")),
      devices: flag("devices", "Restore device nodes too"),
      noOwner: flag("no-owner", "Do not restore owners (they are by default when running as root)"),
    },
    (input) => import("./restore.ts").then((m) => m.restore(input)),
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

const initCommand = (exit: OnExit): AnyCommand =>
  command("init", { ...common, format }, (input) => import("./init.ts").then((m) => m.init(input)), exit).pipe(
    Command.withDescription(
      "Make a new repository. You are asked for its password, unless PENSTOCK_PASSWORD or --password-file gives it.\n" +
        "  Keep the password safe: without it, nobody can read the backups.",
    ),
    Command.withShortDescription("Make a new repository"),
    Command.withExamples([
      { description: "On a disk", command: "penstock init -r /mnt/disk/backups" },
      {
        description: "In a script",
        command: "penstock init -r /mnt/disk/backups --password-file ~/.penstock-password",
      },
    ]),
  )

const snapshotsCommand = (exit: OnExit): AnyCommand =>
  command(
    "snapshots",
    {
      ...common,
      host: text("host", "NAME", "Only those of this host"),
      tag: texts("tag", "TAG", "Only those with this tag; repeatable, all must fit"),
    },
    (input) => import("./snapshots.ts").then((m) => m.snapshots(input)),
    exit,
  ).pipe(
    Command.withDescription("List the snapshots of a repository, oldest first"),
    Command.withExamples([{ description: "All of them", command: "penstock snapshots -r /mnt/disk/backups" }]),
  )

const argument = (name: string, description: string): Argument.Argument<string | undefined> =>
  Argument.String(name).pipe(
    Argument.withMetavar(name.toUpperCase()),
    Argument.withDescription(description),
    Argument.optional,
    Argument.map(Option.getOrUndefined),
  )

const lsCommand = (exit: OnExit): AnyCommand =>
  command(
    "ls",
    {
      snapshot: argument("snapshot", "The start of a snapshot ID, or latest (default: latest)"),
      path: argument("path", "Only what is at or beneath this path in the snapshot"),
      ...common,
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

const checkCommand = (exit: OnExit): AnyCommand =>
  command(
    "check",
    {
      ...common,
      readData: flag("read-data", "Read and verify every stored byte"),
      readDataSubset: text("read-data-subset", "N%", "Read and verify a share of the data, such as 10%"),
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

const versionCommand = (exit: OnExit): AnyCommand =>
  command(
    "version",
    { json: common.json, verbose: flag("verbose", "Also the runtime and the native code in use") },
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
      checkCommand(exit),
      rebuildCommand(exit),
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

/** A command whose handler comes from a module that is loaded when it runs. */
const command = <const Config extends Command.Command.Config>(
  name: string,
  config: Config,
  handler: (input: Command.Command.Config.Infer<Config>) => Promise<Effect.Effect<number, unknown>>,
  exit: OnExit,
): AnyCommand =>
  Command.make(name, config, (input) =>
    Effect.promise(() => handler(input)).pipe(
      Effect.flatten,
      Effect.map(exit),
    )) as never

/** Options that several commands have, and how options are made. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { UsageError } from "../process/usage_error.ts"
import type { CompressionMode } from "../../stages/compress/mode.ts"
import type { CommonInput, CopyTargetInput, CreationInput, DestinationInput, FilterInput } from "./inputs.ts"

/** How a handler hands over its exit code. */
export type OnExit = (code: number) => void

/** A command of whatever arguments. */
export type AnyCommand = Command.Command<string, unknown, never, unknown, never>

/** A command whose handler comes from a module that is loaded when it runs. */
export const command = <const Config extends Command.Command.Config>(
  name: string,
  config: Config,
  handler: (input: Command.Command.Config.Infer<Config>) => Promise<Effect.Effect<number, unknown>>,
  exit: OnExit,
): AnyCommand =>
  Command.make(name, config, (input) => {
    const { quiet, verbose } = input as { readonly quiet?: boolean; readonly verbose?: boolean }
    if (quiet === true && verbose === true) {
      return Effect.fail(new UsageError({ message: "Give either --quiet or --verbose, not both" }))
    }
    return Effect.promise(() => handler(input)).pipe(
      Effect.flatten,
      Effect.map(exit),
    )
  }) as never

/** An option with a value. */
export const text = (name: string, metavar: string, description: string): Flag.Flag<string | undefined> =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined),
  )

/** An option with a value that may be given several times. */
export const texts = (name: string, metavar: string, description: string): Flag.Flag<ReadonlyArray<string>> =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

/** An option that is there or not. */
export const flag = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(
    Flag.withDescription(description),
    Flag.withoutNegation,
    // Else the next argument would be its value where it looks like one: a path named "no".
    Flag.withOptionalValue("true"),
    Flag.withDefault(false),
  )

/** An option that counts when it is there, however often: `-v`, `-vv`. */
export const verbose = (description: string): Flag.Flag<boolean> =>
  Flag.Boolean("verbose").pipe(
    Flag.withAlias("v"),
    Flag.withDescription(description),
    Flag.withoutNegation,
    Flag.withOptionalValue("true"),
    Flag.atLeast(0),
    Flag.map((given) => given.includes(true)),
  )

/** An argument that may be left out. */
export const argument = (name: string, description: string): Argument.Argument<string | undefined> =>
  Argument.String(name).pipe(
    Argument.withMetavar(name.toUpperCase()),
    Argument.withDescription(description),
    Argument.optional,
    Argument.map(Option.getOrUndefined),
  )

export const json: Flag.Flag<boolean> = flag(
  "json",
  "Print one JSON object per line, for scripts; the last has type summary",
)

/** One flag for each member of an input. */
type Flags<Input> = { readonly [K in keyof Input]: Flag.Flag<Input[K]> }

/** What every command on a repository has. */
export const common: Flags<CommonInput> = {
  repo: text(
    "repo",
    "REPO",
    "The repository: a path, sqlite:FILE, or a URL: s3:, sftp:, webdav+https:, https: (default: $PENSTOCK_REPO)",
  ).pipe(
    Flag.withAlias("r"),
  ),
  option: texts("option", "KEY=VALUE", "An option of the format; repeatable; init --help lists them").pipe(
    Flag.withAlias("o"),
  ),
  passwordFile: text(
    "password-file",
    "FILE",
    "Read the password from the first line of FILE ($PENSTOCK_PASSWORD, $PENSTOCK_PASSWORD_FILE)",
  ),
  passwordCommand: text(
    "password-command",
    "COMMAND",
    "Take the password from the first line that COMMAND prints ($PENSTOCK_PASSWORD_COMMAND)",
  ),
  recipient: texts(
    "recipient",
    "age1...",
    "zprt: encrypt what is written for this age recipient; repeatable ($PENSTOCK_RECIPIENTS)",
  ),
  identity: texts(
    "identity",
    "FILE",
    "zprt: decrypt with the age identities in FILE; repeatable ($PENSTOCK_IDENTITY_FILE)",
  ),
  keyFile: text("key-file", "FILE", "fogsync: read the key, 64 or 128 hex digits, from FILE ($PENSTOCK_KEY_FILE)"),
  noEncryption: flag(
    "no-encryption",
    "The repository is not encrypted, or made so, although a secret is given (bkp, snapshot-catalog)",
  ),
  newRepository: flag("new-repository", "Another repository than the one of last time may be at this location"),
  limitUpload: text("limit-upload", "RATE", "Send at most so many KiB per second to a remote store"),
  limitDownload: text("limit-download", "RATE", "Receive at most so many KiB per second from a remote store"),
  noCache: flag("no-cache", "Keep no copies of indexes and catalogs of a remote store on this machine"),
  cacheDir: text("cache-dir", "DIR", "Keep them here (default: $PENSTOCK_CACHE_DIR, or ~/.cache/penstock)"),
  logStore: flag("log-store", "Show what is asked of the store, one line for each request"),
  json,
  quiet: flag("quiet", "Print errors and problems only").pipe(Flag.withAlias("q")),
  verbose: verbose("Say more: what is left out, and what is done with each file"),
  debug: flag("debug", "Show where an error came from"),
}

const FORMATS = ["rozen", "zprt", "bkp", "snapshot-catalog", "fogsync"] as const

const formatFlag = (name: string): Flag.Flag<string | undefined> =>
  Flag.Literals(name, FORMATS).pipe(
    Flag.withMetavar("FORMAT"),
    Flag.withDescription("Format of a new repository (default: rozen); that of an existing one is recognised"),
    Flag.optional,
    Flag.map(Option.getOrUndefined),
  )

/** How hard to compress what is written. */
export const compression: Flag.Flag<CompressionMode | undefined> = Flag.Literals(
  "compression",
  ["auto", "fast", "better", "max", "off"],
).pipe(
  Flag.withMetavar("MODE"),
  Flag.withDescription("How hard to compress: auto (the default), fast, better, max or off"),
  Flag.optional,
  Flag.map(Option.getOrUndefined),
)

/** What a command has that can make a repository. */
export const creation: Flags<CreationInput> = {
  format: formatFlag("format"),
}

/** The repository that `copy` writes to. */
export const copyTarget: Flags<CopyTargetInput> = {
  to: Flag.String("to").pipe(
    Flag.withMetavar("REPO"),
    Flag.withDescription("The repository to write to. Required"),
  ),
  toOption: texts("to-option", "KEY=VALUE", "An option of its format, as --option"),
  toPasswordFile: text("to-password-file", "FILE", "Its password ($PENSTOCK_TO_PASSWORD, $PENSTOCK_TO_PASSWORD_FILE)"),
  toPasswordCommand: text("to-password-command", "COMMAND", "What prints it ($PENSTOCK_TO_PASSWORD_COMMAND)"),
  toKeyFile: text("to-key-file", "FILE", "fogsync: its key"),
  toNoEncryption: flag("to-no-encryption", "It is not encrypted, or made so, although a secret is given"),
  toNewRepository: flag("to-new-repository", "Another repository than the one of last time may be there"),
}

/** The same as {@link common} and {@link creation}, for the repository that `convert` writes to. */
export const destination: Flags<DestinationInput> = {
  ...copyTarget,
  to: Flag.String("to").pipe(
    Flag.withMetavar("REPO"),
    Flag.withDescription("The repository to write to; made when it is not there. Required"),
  ),
  toFormat: formatFlag("to-format"),
  toRecipient: texts("to-recipient", "age1...", "zprt: encrypt for this age recipient; repeatable"),
  toIdentity: texts("to-identity", "FILE", "zprt: the age identities that open it; repeatable"),
  compression,
}

/** Which snapshots are considered. */
export const filters: Flags<FilterInput> = {
  onlyHost: texts("host", "NAME", "Only snapshots of this host; repeatable, one must fit").pipe(Flag.withAlias("H")),
  onlyPath: texts("path", "PATH", "Only snapshots with this absolute path among theirs; repeatable, all must fit"),
  onlyTag: texts("tag", "TAG[,TAG]...", "Only snapshots with all these tags; repeatable, one list must fit"),
}

/** Which snapshot. */
export const snapshotFlag: Flag.Flag<string> = Flag.String("snapshot").pipe(
  Flag.withAlias("s"),
  Flag.withMetavar("ID"),
  Flag.withDescription("The start of a snapshot ID, or latest (default: latest)"),
  Flag.withDefault("latest"),
)

export const dryRun: (description: string) => Flag.Flag<boolean> = (description) =>
  flag("dry-run", description).pipe(Flag.withAlias("n"))

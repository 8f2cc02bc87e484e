/** Options that several commands share. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { COMPRESSION_MODES, type CompressionMode } from "../../stages/compress/modes.ts"
import type { FormatSource } from "../repository/formats.ts"
import { flag, text, texts, verbose } from "./flag.ts"
import type { CommonInput, CopyTargetInput, CreationInput, DestinationInput, FilterInput } from "./inputs.ts"

/** `--json`. */
export const json: Flag.Flag<boolean> = flag(
  "json",
  "Print one JSON object per line, for scripts; the last has type summary",
)

/** An option for each member of an input. */
export type Flags<Input> = { readonly [K in keyof Input]: Flag.Flag<Input[K]> }

/**
 * The options of every command that uses a repository. {@linkcode withRepository} takes their values.
 *
 * @example See which options every command has
 * ```ts
 * import assert from "node:assert"
 * import { common } from "@penstock/penstock/cli"
 *
 * assert.ok("repo" in common && "passwordFile" in common && "json" in common)
 * ```
 */
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
    "Run COMMAND and take the password from the first line that it prints ($PENSTOCK_PASSWORD_COMMAND)",
  ),
  recipient: texts(
    "recipient",
    "age1...",
    "rozen, zprt: make it for this age recipient; repeatable ($PENSTOCK_RECIPIENTS)",
  ),
  identity: texts(
    "identity",
    "FILE",
    "rozen, zprt: decrypt with the age identities in FILE; repeatable ($PENSTOCK_IDENTITY_FILE)",
  ),
  keyFile: text(
    "key-file",
    "FILE",
    "rozen, fogsync: read the key, 64 hex digits (fogsync: or 128), from FILE ($PENSTOCK_KEY_FILE)",
  ),
  noEncryption: flag(
    "no-encryption",
    "Use or make a repository without encryption, even if a secret is given (bkp, snapshot-catalog)",
  ),
  newRepository: flag("new-repository", "Accept another repository at this location than last time"),
  limitUpload: text("limit-upload", "RATE", "Send at most RATE KiB per second to a remote store"),
  limitDownload: text("limit-download", "RATE", "Receive at most RATE KiB per second from a remote store"),
  noCache: flag("no-cache", "Keep no copies of remote indexes and catalogs on this machine"),
  cacheDir: text("cache-dir", "DIR", "Keep these copies in DIR (default: $PENSTOCK_CACHE_DIR, or ~/.cache/penstock)"),
  logStore: flag("log-store", "Print a line for each request to the store"),
  json,
  quiet: flag("quiet", "Print only errors and problems").pipe(Flag.withAlias("q")),
  verbose: verbose("Also print what is left out, and what happens to each file"),
  debug: flag("debug", "Print where an error came from"),
}

const formatFlag = (name: string, formats: ReadonlyArray<FormatSource>): Flag.Flag<string | undefined> =>
  Flag.Literals(name, formats.map((source) => source.name)).pipe(
    Flag.withMetavar("FORMAT"),
    Flag.withDescription(`Format of a new repository (default: ${formats[0]!.name}); an existing one is recognised`),
    Flag.optional,
    Flag.map(Option.getOrUndefined),
  )

/** How hard to compress new data. */
export const compression: Flag.Flag<CompressionMode | undefined> = Flag.Literals(
  "compression",
  COMPRESSION_MODES,
).pipe(
  Flag.withMetavar("MODE"),
  Flag.withDescription("How hard to compress: auto (the default), fast, better, max or off"),
  Flag.optional,
  Flag.map(Option.getOrUndefined),
)

/** Options of a command that can make a repository. */
export const creation = (formats: ReadonlyArray<FormatSource>): Flags<CreationInput> => ({
  format: formatFlag("format", formats),
})

/** The repository that `copy` writes to. */
export const copyTarget: Flags<CopyTargetInput> = {
  to: Flag.String("to").pipe(
    Flag.withMetavar("REPO"),
    Flag.withDescription("The repository to write to. Required"),
  ),
  toOption: texts("to-option", "KEY=VALUE", "An option of its format, like --option"),
  toPasswordFile: text("to-password-file", "FILE", "Its password ($PENSTOCK_TO_PASSWORD, $PENSTOCK_TO_PASSWORD_FILE)"),
  toPasswordCommand: text(
    "to-password-command",
    "COMMAND",
    "A command that prints its password ($PENSTOCK_TO_PASSWORD_COMMAND)",
  ),
  toIdentity: texts("to-identity", "FILE", "rozen, zprt: decrypt with the age identities in FILE; repeatable"),
  toKeyFile: text("to-key-file", "FILE", "rozen, fogsync: its key"),
  toNoEncryption: flag("to-no-encryption", "Use or make it without encryption, even if a secret is given"),
  toNewRepository: flag("to-new-repository", "Accept another repository there than last time"),
}

/** The repository that `convert` writes to: the counterparts of {@link common} and {@link creation}. */
export const destination = (formats: ReadonlyArray<FormatSource>): Flags<DestinationInput> => ({
  ...copyTarget,
  to: Flag.String("to").pipe(
    Flag.withMetavar("REPO"),
    Flag.withDescription("The repository to write to; made if it does not exist. Required"),
  ),
  toFormat: formatFlag("to-format", formats),
  toRecipient: texts("to-recipient", "age1...", "rozen, zprt: make it for this age recipient; repeatable"),
  compression,
})

/** Which snapshots a command considers. */
export const filters: Flags<FilterInput> = {
  onlyHost: texts("host", "NAME", "Only snapshots of this host; repeatable: of any of these hosts").pipe(
    Flag.withAlias("H"),
  ),
  onlyPath: texts("path", "PATH", "Only snapshots of this absolute path; repeatable: of all of these paths"),
  onlyTag: texts(
    "tag",
    "TAG[,TAG]...",
    "Only snapshots with all of these tags; repeatable: with all tags of one of these lists",
  ),
}

/** Which snapshot a command reads. */
export const snapshotFlag: Flag.Flag<string> = Flag.String("snapshot").pipe(
  Flag.withAlias("s"),
  Flag.withMetavar("ID"),
  Flag.withDescription("The start of a snapshot ID, or latest (default: latest)"),
  Flag.withDefault("latest"),
)

/** Which snapshots `check`, `convert` and `copy` take. */
export const someSnapshots: Flag.Flag<ReadonlyArray<string>> = texts(
  "snapshot",
  "ID",
  "Only this snapshot: the start of its ID, or latest; repeatable",
).pipe(Flag.withAlias("s"))

/** `--dry-run`. */
export const dryRun: (description: string) => Flag.Flag<boolean> = (description) =>
  flag("dry-run", description).pipe(Flag.withAlias("n"))

/** `--human-readable`. */
export const humanReadable: Flag.Flag<boolean> = flag("human-readable", "With --long, sizes as in 1.50 MiB")

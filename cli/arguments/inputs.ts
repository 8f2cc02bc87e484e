/** The values of options that several commands share. */
import type { CompressionMode } from "../../stages/compress/modes.ts"

/** Where the secrets of a repository come from; see secrets/secrets.ts. */
export interface SecretOptions {
  /** A file with the password in its first line. */
  readonly passwordFile: string | undefined
  /** A command line for the shell, which prints the password. */
  readonly passwordCommand: string | undefined
  /** Age recipients. */
  readonly recipient: ReadonlyArray<string>
  /** Files with age identities. */
  readonly identity: ReadonlyArray<string>
  /** A file with a key in hex digits. */
  readonly keyFile: string | undefined
  /** The repository is or gets unencrypted, even if a secret is given. */
  readonly noEncryption: boolean
}

/** The secret of a new key, and its name; see secrets/new_secret.ts. */
export interface NewSecretInput {
  /** A file with the new password in its first line. */
  readonly newPasswordFile: string | undefined
  /** A command line for the shell, which prints the new password. */
  readonly newPasswordCommand: string | undefined
  /** An age recipient. */
  readonly newRecipient: string | undefined
  /** A file with a key in hex digits. It is made if it does not exist. */
  readonly newKeyFile: string | undefined
  /** What the user calls the key. */
  readonly name: string | undefined
}

/** Which repository may lie at a location; see repository/known_repositories.ts. */
export interface KnownInput {
  /** Whether it may be another than the last time. */
  readonly newRepository: boolean
}

/** How a new repository is made. */
export interface CreationInput {
  /** The name of its format. By default the first one. */
  readonly format: string | undefined
}

/** How the store of a repository is used. */
export interface StoreInput {
  /** KiB per second. */
  readonly limitUpload: string | undefined
  /** KiB per second. */
  readonly limitDownload: string | undefined
  /** Keep no copies of remote indexes and catalogs. */
  readonly noCache: boolean
  /** The directory for these copies. */
  readonly cacheDir: string | undefined
  /** Print a line for each request. */
  readonly logStore: boolean
}

/** Which repository, and how it is opened. */
export interface RepositoryOptions extends SecretOptions, KnownInput, StoreInput, Partial<CreationInput> {
  /** Options of the format; see repository/format_options.ts. */
  readonly option: ReadonlyArray<string>
  /** A path or URL. By default `PENSTOCK_REPO`. */
  readonly repo: string | undefined
  /** How hard to compress new data. */
  readonly compression?: CompressionMode | undefined
  /** Whether to wait without saying so. */
  readonly quiet: boolean
}

/** How results are printed. */
export interface PrintingInput {
  /** Print rows of JSON. */
  readonly json: boolean
  /** Print only errors and problems. */
  readonly quiet: boolean
  /** Also print what is left out, and what happens to each file. */
  readonly verbose: boolean
  /** Print where an error came from. */
  readonly debug: boolean
}

/** Which snapshots are considered. An empty list does not limit them. See `filterOf`. */
export interface FilterInput {
  readonly onlyHost: ReadonlyArray<string>
  readonly onlyPath: ReadonlyArray<string>
  readonly onlyTag: ReadonlyArray<string>
}

/** The values of `common`: every command that uses a repository has them. */
export interface CommonInput extends SecretOptions, KnownInput, StoreInput, PrintingInput {
  /** A path or URL. By default `PENSTOCK_REPO`. */
  readonly repo: string | undefined
  /** Options of the format; see repository/format_options.ts. */
  readonly option: ReadonlyArray<string>
}

/** The repository that `copy` writes to. */
export interface CopyTargetInput {
  readonly to: string
  readonly toOption: ReadonlyArray<string>
  readonly toPasswordFile: string | undefined
  readonly toPasswordCommand: string | undefined
  readonly toIdentity: ReadonlyArray<string>
  readonly toKeyFile: string | undefined
  readonly toNoEncryption: boolean
  readonly toNewRepository: boolean
}

/** The repository that `convert` writes to. */
export interface DestinationInput extends CopyTargetInput {
  readonly toFormat: string | undefined
  readonly toRecipient: ReadonlyArray<string>
  readonly compression: CompressionMode | undefined
}

/** The values of options that several commands share. */
import type { CompressionMode } from "../../stages/compress/mode.ts"

/** Where the secrets of a repository come from; see secrets/secrets.ts. */
export interface SecretOptions {
  readonly passwordFile: string | undefined
  /** A line for the shell. */
  readonly passwordCommand: string | undefined
  readonly recipient: ReadonlyArray<string>
  readonly identity: ReadonlyArray<string>
  readonly keyFile: string | undefined
  /** The repository is or gets unencrypted, even if a secret is given. */
  readonly noEncryption: boolean
}

/** Which repository may lie at a location; see repository/known_repositories.ts. */
export interface KnownInput {
  /** Whether it may be another than the last time. */
  readonly newRepository: boolean
}

/** How a new repository is made. */
export interface CreationInput {
  readonly format: string | undefined
}

/** How the store of a repository is used. */
export interface StoreInput {
  /** KiB per second. */
  readonly limitUpload: string | undefined
  /** KiB per second. */
  readonly limitDownload: string | undefined
  readonly noCache: boolean
  readonly cacheDir: string | undefined
  readonly logStore: boolean
}

/** Which repository. */
export interface RepositoryOptions extends SecretOptions, KnownInput, StoreInput, Partial<CreationInput> {
  /** Options of the format; see repository/format_options.ts. */
  readonly option: ReadonlyArray<string>
  readonly repo: string | undefined
  readonly compression?: CompressionMode | undefined
  /** Whether to wait without saying so. */
  readonly quiet: boolean
}

/** How results are printed. */
export interface PrintingInput {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly debug: boolean
}

/** Which snapshots are considered. An empty list does not limit them. See `filterOf`. */
export interface FilterInput {
  readonly onlyHost: ReadonlyArray<string>
  readonly onlyPath: ReadonlyArray<string>
  readonly onlyTag: ReadonlyArray<string>
}

/** Every command that uses a repository has these. */
export interface CommonInput extends SecretOptions, KnownInput, StoreInput, PrintingInput {
  readonly repo: string | undefined
  readonly option: ReadonlyArray<string>
}

/** The repository that `copy` writes to. */
export interface CopyTargetInput {
  readonly to: string
  readonly toOption: ReadonlyArray<string>
  readonly toPasswordFile: string | undefined
  readonly toPasswordCommand: string | undefined
  readonly toKeyFile: string | undefined
  readonly toNoEncryption: boolean
  readonly toNewRepository: boolean
}

/** The repository that `convert` writes to. */
export interface DestinationInput extends CopyTargetInput {
  readonly toFormat: string | undefined
  readonly toRecipient: ReadonlyArray<string>
  readonly toIdentity: ReadonlyArray<string>
  readonly compression: CompressionMode | undefined
}

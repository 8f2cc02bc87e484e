/** The options of a store on an SFTP server. */
import type * as Redacted from "effect/Redacted"

/** How to open a directory on an SFTP server as a store. The defaults are those of `ssh`. */
export interface SftpStoreOptions {
  /** Make the directory, and missing ones above it, if it does not exist. Otherwise that is an error. */
  readonly create?: boolean
  /** Password of the user on the server; `PENSTOCK_SFTP_PASSWORD` by default. */
  readonly password?: Redacted.Redacted<string>
  /** Passphrase of encrypted private keys; `PENSTOCK_SFTP_PASSPHRASE` by default. */
  readonly passphrase?: Redacted.Redacted<string>
  /** Socket of an agent; `SSH_AUTH_SOCK` by default. `""` for none. */
  readonly agent?: string
  /** Path of the configuration of ssh; `~/.ssh/config` by default. */
  readonly config?: string
}

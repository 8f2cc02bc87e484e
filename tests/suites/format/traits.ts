/** What a format promises beside the contract that all formats have. */
import type { Secrets } from "../../../formats/secrets.ts"
import type { Metadata } from "../../../stages/walk/entry.ts"

/** What a format promises. A string is the reason why it does not. */
export interface FormatTraits {
  /** The secrets that open its repositories. A password by default. */
  readonly secrets?: Secrets
  /** Secrets that do not open them, or why there are none. Another password by default. */
  readonly wrongSecrets?: Secrets | string
  /** Unchanged files are not opened again. */
  readonly incremental: true | string
  /** A repository holds many snapshots. */
  readonly snapshots: true | string
  /** Snapshots can be forgotten. By default they cannot be yet. */
  readonly forget?: true | string
  /** Several writers at once are safe. */
  readonly concurrent: true | string
  /** Host name, user name, paths and tags of a snapshot are kept. */
  readonly details: true | string
  /** Directories that are not empty are listed. */
  readonly directories: true | string
  /**
   * Metadata that shows that a file of this mtime and ctime has changed; by default the smallest changes of mtime,
   * ctime and inode.
   */
  readonly changes?: (time: bigint) => ReadonlyArray<Metadata>
  /** Why a snapshot has a parent even when nothing of the parent was used. */
  readonly chain?: string
}

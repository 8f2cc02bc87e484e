/** What the backups of all formats have in common. */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { discarding } from "../stages/store/discarding.ts"
import type { ObjectStore } from "../stages/store/store.ts"
import type { Entry } from "../stages/walk/entry.ts"
import type { FormatError } from "./error.ts"
import type { BackupOptions, BackupSummary } from "./repository.ts"

/** The function that makes a snapshot of a stream of entries in an open repository. */
export type Backup<Opened> = <E, R>(
  opened: Opened,
  entries: Stream.Stream<Entry, E, R>,
  options: BackupOptions,
) => Effect.Effect<BackupSummary, FormatError | E, R>

/** The open repository that a backup writes to. In a dry run, its store discards what is written. */
export const openedFor = <Opened extends { readonly store: ObjectStore }>(
  opened: Opened,
  { dryRun }: BackupOptions,
): Opened => dryRun === true ? { ...opened, store: discarding(opened.store) } : opened

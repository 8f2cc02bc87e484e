/**
 * Forgets snapshots: a record says which. It decides, and nothing is removed: indexes, logs and packs may be needed by
 * other snapshots, and only a prune can tell. SPEC.md, "Forgotten snapshots".
 */
import * as Effect from "effect/Effect"
import { type FormatError, RepositoryError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import { putForgotten, readForgotten } from "./forgotten.ts"
import { signingSeed } from "./key_make.ts"
import { readKeyState } from "./key_state.ts"
import type { Opened } from "./opened.ts"

/** Forgets snapshots. Those that were forgotten before are passed over. Fails with `unsupported` for all but owners. */
export const forget: (
  opened: Opened,
  snapshots: ReadonlyArray<SnapshotInfo>,
) => Effect.Effect<void, FormatError> = Effect.fnUntraced(function* ({ layout, opening, store }, snapshots) {
  const { secrets } = opening
  const unsupported = (message: string) => new RepositoryError({ reason: "unsupported", message })
  if (secrets === undefined) return yield* unsupported("Forgetting snapshots takes an owner's key")
  const { ids } = yield* readForgotten(store, layout)
  const left = snapshots.map(({ id }) => id).filter((id) => !ids.has(id))
  yield* putForgotten(store, layout, left, { ...layout.epoch, seed: signingSeed(secrets) })
  // A rotation takes over what is there when it ends. Afterwards a record of the old epoch does not count.
  const { verified } = yield* readKeyState(store, opening)
  if (verified.chain.length === secrets.masters.length) return
  return yield* unsupported(
    `Somebody has rotated the keys of the repository at ${store.properties.location} since it was opened: open it ` +
      "again, and forget again what is still listed",
  )
})

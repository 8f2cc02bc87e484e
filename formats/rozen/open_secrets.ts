/** What opens a repository of either block version: a secret for one of its key objects, or a paper key. */
import * as Effect from "effect/Effect"
import { catching } from "../../stages/kernel/catching.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import type { Secrets } from "../secrets.ts"
import { fitsConfig, type StoredConfig } from "./config.ts"
import { keyNames, readKeys } from "./key_read.ts"
import type { Unlocked } from "./keys.ts"
import { unlock, type UnlockedBy } from "./unlock.ts"

/** What unlocked a repository. */
export type Opening = Unlocked & Partial<UnlockedBy>

/**
 * Unlocks a repository with what is given. `said` is what its config says, and `keys` are the names of its key objects,
 * if they are known. Recipients open nothing, but no secret is ignored: the repository must have a key for each.
 */
export const openSecrets: (
  store: ObjectStore,
  secrets: Secrets,
  stored: StoredConfig | RepositoryError | undefined,
  keys?: ReadonlyArray<string>,
) => Effect.Effect<Opening, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (store, { paper, recipients = [], ...secrets }, stored, keys) {
    const { location } = store.properties
    if (paper !== undefined) {
      const { decodePaper } = yield* Effect.promise(() => import("./paper.ts"))
      const unlocked = yield* catching(RepositoryError, () => decodePaper(paper))
      if (stored !== undefined && !(stored instanceof RepositoryError) && stored.id !== unlocked.id) {
        return yield* new RepositoryError({
          reason: "wrong-key",
          message: `The paper key is of the repository ${unlocked.id}, and the one at ${location} is ${stored.id}`,
        })
      }
      return unlocked
    }
    const fits = (unlocked: Unlocked) => fitsConfig(stored, unlocked)
    const unlocked = yield* unlock(store, secrets, { fits, ...(keys === undefined ? {} : { keys }) })
    if (recipients.length > 0) {
      const { keys } = yield* readKeys(store, yield* keyNames(store))
      const known = new Set([...keys.values()].map((key) => "recipient" in key ? key.recipient : ""))
      const lacks = recipients.find((recipient) => !known.has(recipient))
      if (lacks !== undefined) {
        return yield* new RepositoryError({
          reason: "unused-secret",
          message: `The repository at ${location} has no key for ${lacks}: add one, or leave the recipient out`,
        })
      }
    }
    return unlocked
  },
)

/** What opens a repository of either block version: a secret for one of its locks, or a paper key. */
import * as Effect from "effect/Effect"
import { catching } from "../../stages/kernel/catching.ts"
import { Ed25519 } from "../../stages/sign/sign.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import type { Secrets } from "../secrets.ts"
import { fitsConfig, type StoredConfig } from "./config.ts"
import { corrupt } from "./errors.ts"
import { type Opening, openKey, openPaper } from "./key_open.ts"
import { readAllKeys, readKeys } from "./key_read.ts"
import { unlock } from "./unlock.ts"

/**
 * Opens a repository with what is given. `stored` is what its config says, and `names` are those of its objects in
 * `KEYS/`, if they are known. Recipients open nothing, but no secret is ignored: the repository must have a lock for
 * each.
 */
export const openSecrets: (
  store: ObjectStore,
  secrets: Secrets,
  stored: StoredConfig | RepositoryError | undefined,
  names?: ReadonlyArray<string>,
) => Effect.Effect<Opening, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (store, { paper, recipients = [], ...secrets }, stored, names) {
    const { location } = store.properties
    const objects = yield* names === undefined ? readAllKeys(store) : readKeys(store, names)
    if (paper !== undefined) {
      const { decodePaper } = yield* Effect.promise(() => import("./paper.ts"))
      const unlocked = yield* catching(RepositoryError, () => decodePaper(paper))
      if (stored !== undefined && !(stored instanceof RepositoryError) && stored.id !== unlocked.id) {
        return yield* new RepositoryError({
          reason: "wrong-key",
          message: `The paper key is of the repository ${unlocked.id}, and the one at ${location} is ${stored.id}`,
        })
      }
      return yield* openPaper(objects, unlocked)
    }
    const kernel = yield* Ed25519
    let stranger: Opening | undefined
    const opening = yield* unlock({
      location,
      objects,
      accept: Effect.fnUntraced(function* (key) {
        const opening = yield* openKey(objects, key)
        if (fitsConfig(kernel, stored, opening.keyring)) return opening
        stranger ??= opening
        return yield* corrupt(key.lock, `${key.lock} opens another repository, ${opening.keyring.id}`)
      }),
    }, secrets).pipe(
      // What is wrong may as well be the config.
      Effect.catch((error) => stranger === undefined ? Effect.fail(error) : Effect.succeed(stranger)),
    )
    if (recipients.length > 0) {
      const known = new Set([...objects.locks.values()].map((lock) => "recipient" in lock ? lock.recipient : ""))
      const lacks = recipients.find((recipient) => !known.has(recipient))
      if (lacks !== undefined) {
        return yield* new RepositoryError({
          reason: "unused-secret",
          message: `The repository at ${location} has no key for ${lacks}: add one, or leave the recipient out`,
        })
      }
    }
    return opening
  },
  // A signature or a secret that does not open may be one that was read wrongly.
  (open) => readTwice("KEYS/", open),
)

/** What `KEYS/` has now, whatever it had when the repository was opened. */
import * as Effect from "effect/Effect"
import { catching } from "../../stages/kernel/catching.ts"
import { Ed25519 } from "../../stages/sign/sign.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { decodeEpoch } from "./key_epoch.ts"
import { encodeEpochs } from "./key_make.ts"
import type { Opening } from "./key_open.ts"
import { type KeyObjects, readAllKeys } from "./key_read.ts"
import { type VerifiedKeys, verifyKeys } from "./key_verify.ts"

/** What is there, and what of it counts. */
export interface KeyState {
  readonly objects: KeyObjects
  readonly verified: VerifiedKeys
}

/** Reads and verifies `KEYS/`. An owner can tell its epochs even if their records are lost. */
export const readKeyState: (store: ObjectStore, opening: Opening) => Effect.Effect<KeyState, FormatError> = Effect
  .fnUntraced(function* (store, { keyring, pin, secrets }) {
    const kernel = yield* Ed25519
    const objects = yield* readAllKeys(store)
    const own = secrets === undefined ? [] : (yield* encodeEpochs(keyring, secrets)).epochs
    const epochs = [...objects.epochs, ...own.map(({ bytes, object }) => decodeEpoch(object, bytes))]
    return {
      objects,
      verified: yield* catching(RepositoryError, () => verifyKeys(kernel, { ...objects, epochs }, pin)),
    }
  })

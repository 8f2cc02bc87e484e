/** Objects of `KEYS/` made of the secrets in the vectors, with fixed random bytes where our code draws them. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { Effect, Redacted } from "effect"
import type { RepositoryError } from "../../../formats/error.ts"
import type { NewSecret } from "../../../formats/keys.ts"
import { configOf } from "../../../formats/rozen/config.ts"
import { signEnd } from "../../../formats/rozen/key_end.ts"
import { sealGrant } from "../../../formats/rozen/key_grant.ts"
import { sealLock, slotOf } from "../../../formats/rozen/key_lock_seal.ts"
import { encodeEpochs, signingSeed } from "../../../formats/rozen/key_make.ts"
import { type KeyPair, keyPair, writerSeed } from "../../../formats/rozen/key_pair.ts"
import { secretsOf } from "../../../formats/rozen/key_roles.ts"
import { ownerKeyring, type OwnerSecrets, type Role } from "../../../formats/rozen/keyring.ts"
import { encodePaper } from "../../../formats/rozen/paper.ts"
import { portableEd25519 } from "../../../stages/sign/ed25519.ts"

/** What the vectors are made of. */
export interface VectorSecrets {
  readonly id: string
  readonly chunks: string
  readonly masters: ReadonlyArray<string>
  readonly seed: string
  readonly password: string
  readonly key: string
}

/** An object in the vectors. */
export interface VectorObject {
  readonly name: string
  readonly text: string
}

const secret = (hex: string) => Redacted.make(hexToBytes(hex))
const written = ({ bytes, object }: { readonly object: string; readonly bytes: Uint8Array }): VectorObject => ({
  name: object,
  text: new TextDecoder().decode(bytes),
})

/** Runs something while random bytes are 0, 1, 2, … in the order in which they are drawn. */
export const counting = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const random = crypto.getRandomValues
    let next = 0
    crypto.getRandomValues = ((bytes: Uint8Array) => bytes.map((_, i) => bytes[i] = next++)) as typeof random
    return Effect.ensuring(effect, Effect.sync(() => crypto.getRandomValues = random))
  })

/** The secrets of the owner. */
export const secretsIn = ({ chunks, id, masters }: VectorSecrets): OwnerSecrets => ({
  id,
  chunks: secret(chunks),
  masters: masters.map(secret),
})

/** The objects, the config and the paper key. */
export interface VectorObjects {
  readonly config: string
  readonly paper: string
  readonly epochs: ReadonlyArray<VectorObject>
  readonly grants: { readonly [role in Role]: VectorObject }
  readonly end: VectorObject
  readonly locks: { readonly password: VectorObject; readonly "key-file": VectorObject }
}

/** Makes all objects but the locks for age identities, which draw random bytes in WebCrypto. */
export const makeObjects: (vectors: VectorSecrets) => Effect.Effect<VectorObjects, RepositoryError> = Effect.fnUntraced(
  function* (vectors: VectorSecrets) {
    const owner = secretsIn(vectors)
    const keyring = yield* ownerKeyring(owner)
    const { epochs, pin } = yield* encodeEpochs(keyring, owner)
    const pair = yield* keyPair(secret(vectors.seed))
    const head = { repository: owner.id, key: pair.id, created: 1796000000000, by: "me@host", name: "laptop" }
    const signing = (role: Role): string =>
      role === "writer" ? bytesToHex(portableEd25519.publicKey(Redacted.value(writerSeed(pair.seed)))) : ""
    const grant = (role: Role, seed?: KeyPair["seed"]) =>
      counting(
        sealGrant(
          { ...head, public: pair.public, role, epoch: pin.epoch, signing: signing(role) },
          secretsOf(role, owner),
          signingSeed(owner),
          seed,
        ),
      )
    const lock = (given: NewSecret) =>
      counting(Effect.gen(function* () {
        const slot = yield* slotOf(given, { n: 1024, r: 8, p: 1 })
        return yield* sealLock(pair.id, { ...pin, seed: vectors.seed }, slot)
      }))
    return {
      config: new TextDecoder().decode(configOf(portableEd25519, 1, { keyring, secrets: owner }).bytes),
      paper: Redacted.value(encodePaper(owner)),
      epochs: epochs.map(written),
      grants: {
        // Wrapped by the seed; the others for the public half.
        owner: written(yield* grant("owner", pair.seed)),
        reader: written(yield* grant("reader")),
        writer: written(yield* grant("writer")),
      },
      end: written(
        yield* counting(signEnd({
          ...{ ...head, role: "writer", epoch: pin.epoch, ended: 1796000001000, signing: signing("writer") },
          snapshots: ["ff".repeat(32), "00".repeat(32)],
        }, signingSeed(owner))),
      ),
      locks: {
        password: written(yield* lock({ password: Redacted.make(vectors.password) })),
        "key-file": written(yield* lock({ key: secret(vectors.key) })),
      },
    }
  },
)

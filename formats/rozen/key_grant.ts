/**
 * Grants, `KEYS/<16 hex>.<8 hex>.grant.json`: what a key may do. A grant holds the secrets of its role, wrapped for the
 * public half of the key, and an owner has signed it. SPEC.md, "Grants".
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { FILE_KEY_BYTES, unwrapHybrid, wrapHybrid } from "../../stages/encrypt/age_hybrid.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { Ed25519, provenEd25519, type SignatureKernel } from "../../stages/sign/sign.ts"
import { RepositoryError } from "../error.ts"
import { corrupt, fromKernelError } from "./errors.ts"
import { encodeJson } from "./json.ts"
import { keyIdOf } from "./key_pair.ts"
import { decodeRecord, isHex, isSigned, signRecord } from "./key_record.ts"
import { derive } from "./keys.ts"

const Record = Schema.Struct({
  record: Schema.Literal("grant"),
  version: Schema.Literal(1),
  repository: Schema.String,
  key: Schema.String,
  public: Schema.String,
  role: Schema.String,
  name: Schema.String,
  created: Schema.Int,
  by: Schema.String,
  epoch: Schema.Int,
  signing: Schema.String,
  wrapped: Schema.String,
  sealed: Schema.String,
  signature: Schema.String,
})

/** What a grant says, but for the secrets. */
export interface GrantHead {
  /** The ID of the repository. */
  readonly repository: string
  /** The ID of the key, 16 hex digits. */
  readonly key: string
  /** The public half of the key: `age1pq1…`. */
  readonly public: string
  /** `owner`, `reader` or `writer`. Later versions may have others. */
  readonly role: string
  /** What the user calls it. */
  readonly name: string
  /** Milliseconds since 1970. */
  readonly created: number
  /** Who made it, `user@host`. */
  readonly by: string
  readonly epoch: number
  /** The Ed25519 public key of a writer, in hex. Empty for all others. */
  readonly signing: string
}

/** A grant as it was read. */
export interface Grant extends GrantHead {
  /** The name of its object. */
  readonly object: string
  /** Whether the owner with this public key signed it. */
  readonly isSignedBy: (kernel: SignatureKernel, owner: Uint8Array) => boolean
  /** Opens the secrets with the seed of the key: undefined when it is of another key. */
  readonly open: (
    seed: Redacted.Redacted<Uint8Array>,
  ) => Effect.Effect<Redacted.Redacted<Uint8Array> | undefined, RepositoryError>
}

/** The additional data of the secrets: they belong to this grant only. */
const contextOf = (members: object): Uint8Array =>
  concat([new TextEncoder().encode("penstock rozen 1 grant\0"), encodeJson(members)])

const sealingKey = (fileKey: Uint8Array): Redacted.Redacted<Uint8Array> =>
  derive(fileKey, "penstock 2026-11-30 rozen 1 grant")

/** The key that wraps the file key for somebody whose seed the owner knows, or for the owner. */
const seedKey = (seed: Redacted.Redacted<Uint8Array>): Redacted.Redacted<Uint8Array> =>
  derive(Redacted.value(seed), "penstock 2026-11-30 rozen 1 grant by seed")
const seedContext = (key: string): Uint8Array => new TextEncoder().encode(`penstock rozen 1 grant by seed\0${key}`)
/** Bytes of a file key that is wrapped so: a nonce, the key and the tag of the cipher. */
const BY_SEED_BYTES = 24 + FILE_KEY_BYTES + 16

/** Wraps a file key: by the seed where it is known, because that is cheap to open; else for the public half. */
const wrapFileKey = Effect.fnUntraced(
  function* (head: GrantHead, fileKey: Uint8Array, seed: Redacted.Redacted<Uint8Array> | undefined) {
    if (seed === undefined) return yield* wrapHybrid(head.public, fileKey)
    const cipher = makeKernel(aes256gcm(seedKey(seed)), yield* Kernels)
    return yield* catching(KernelError, () => cipher.seal(fileKey, seedContext(head.key)))
  },
  Effect.mapError(fromKernelError),
)

/** The inverse; undefined when it is wrapped for another key, or altered. */
const unwrapFileKey = Effect.fnUntraced(
  function* (key: string, wrapped: Uint8Array, seed: Redacted.Redacted<Uint8Array>) {
    if (wrapped.length !== BY_SEED_BYTES) return yield* unwrapHybrid(seed, wrapped)
    const cipher = makeKernel(aes256gcm(seedKey(seed)), yield* Kernels)
    return yield* Effect.orElseSucceed(
      catching(KernelError, () => cipher.open(wrapped, seedContext(key))),
      () => undefined,
    )
  },
)

/** Decodes a grant for the key with this ID. Nothing of it is authentic yet. Throws RepositoryError `corrupt`. */
export const decodeGrant = (object: string, key: string, bytes: Uint8Array): Grant => {
  const { signature, ...signed } = decodeRecord(object, Record, bytes)
  const { sealed, ...head } = signed
  const { record: _record, version: _version, wrapped, ...said } = head
  if (said.key !== key || keyIdOf(said.public) !== key) {
    throw corrupt(object, `${object} is the grant of another key, ${said.key}`)
  }
  if (!isHex(wrapped) || !isHex(sealed) || !(said.role === "writer" ? isHex(said.signing, 32) : said.signing === "")) {
    throw corrupt(object, `${object} is damaged: it has a value that is not what it should be`)
  }
  return {
    ...said,
    object,
    isSignedBy: (kernel, owner) => isSigned(kernel, owner, signed, signature),
    open: Effect.fnUntraced(function* (seed) {
      const table = yield* Kernels
      const fileKey = yield* unwrapFileKey(key, hexToBytes(wrapped), seed)
      if (fileKey === undefined) return undefined
      const open = Effect.suspend(() =>
        catching(
          KernelError,
          () => makeKernel(aes256gcm(sealingKey(fileKey)), table).open(hexToBytes(sealed), contextOf(head)),
        )
      )
      return Redacted.make(
        yield* Effect.mapError(
          open,
          (error) =>
            error.reason === "forged"
              ? corrupt(object, `${object} was altered: its secrets do not open`)
              : fromKernelError(error),
        ),
      )
    }),
  }
}

/** A grant that is to be written. */
export interface NewGrant {
  readonly object: string
  readonly bytes: Uint8Array
}

/** Makes a grant: wraps the secrets for the key, whose seed the caller may know, and signs with the owner's seed. */
export const sealGrant: (
  head: GrantHead,
  secrets: Redacted.Redacted<Uint8Array>,
  owner: Redacted.Redacted<Uint8Array>,
  seed?: Redacted.Redacted<Uint8Array>,
) => Effect.Effect<NewGrant, RepositoryError> = Effect.fnUntraced(function* (head, secrets, owner, seed) {
  const kernel = provenEd25519(yield* Ed25519)
  const fileKey = crypto.getRandomValues(new Uint8Array(FILE_KEY_BYTES))
  const wrapped = yield* wrapFileKey(head, fileKey, seed)
  const { by, created, epoch, key, name, public: recipient, repository, role, signing } = head
  const members = {
    ...{ record: "grant", version: 1, repository, key, public: recipient, role, name, created, by, epoch, signing },
    wrapped: bytesToHex(wrapped),
  }
  const cipher = makeKernel(aes256gcm(sealingKey(fileKey)), yield* Kernels)
  const signed = { ...members, sealed: bytesToHex(cipher.seal(Redacted.value(secrets), contextOf(members))) }
  const random = bytesToHex(crypto.getRandomValues(new Uint8Array(4)))
  return {
    object: `KEYS/${key}.${random}.grant.json`,
    bytes: encodeJson({ ...signed, signature: signRecord(kernel, owner, signed) }),
  }
})

/** End records, `KEYS/<16 hex>.<8 hex>.end.json`: a key was removed. SPEC.md, "Ends". */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Ed25519, provenEd25519, type SignatureKernel } from "../../stages/sign/sign.ts"
import { corrupt } from "./errors.ts"
import { encodeJson } from "./json.ts"
import { decodeRecord, isHex, isSigned, signRecord } from "./key_record.ts"

const Record = Schema.Struct({
  record: Schema.Literal("end"),
  version: Schema.Literal(1),
  repository: Schema.String,
  key: Schema.String,
  role: Schema.String,
  name: Schema.String,
  created: Schema.Int,
  by: Schema.String,
  epoch: Schema.Int,
  ended: Schema.Int,
  signing: Schema.String,
  snapshots: Schema.Array(Schema.String),
  signature: Schema.String,
})

/** What an end record says. */
export interface EndHead {
  /** The ID of the repository. */
  readonly repository: string
  /** The ID of the key, 16 hex digits. */
  readonly key: string
  /** Role, name, time and maker as the grant said them. */
  readonly role: string
  readonly name: string
  readonly created: number
  readonly by: string
  /** The epoch whose owner signed this. */
  readonly epoch: number
  /** When it ended, in milliseconds since 1970. */
  readonly ended: number
  /** The Ed25519 public key of a writer, in hex. Empty for all others. */
  readonly signing: string
  /** The IDs of the snapshots of a writer that still count, 64 hex digits each, in order. */
  readonly snapshots: ReadonlyArray<string>
}

/** An end record as it was read. */
export interface End extends EndHead {
  /** The name of its object. */
  readonly object: string
  /** Whether the owner with this public key signed it. */
  readonly isSignedBy: (kernel: SignatureKernel, owner: Uint8Array) => boolean
}

/** Decodes the end of the key with this ID. Nothing of it is authentic yet. Throws RepositoryError `corrupt`. */
export const decodeEnd = (object: string, key: string, bytes: Uint8Array): End => {
  const { signature, ...signed } = decodeRecord(object, Record, bytes)
  const { record: _record, version: _version, ...said } = signed
  if (said.key !== key) throw corrupt(object, `${object} is the end of another key, ${said.key}`)
  if (!(said.role === "writer" ? isHex(said.signing, 32) : said.signing === "")) {
    throw corrupt(object, `${object} is damaged: its public key is not what it should be`)
  }
  return { ...said, object, isSignedBy: (kernel, owner) => isSigned(kernel, owner, signed, signature) }
}

/** Makes an end record, signed with the seed of the owner. */
export const signEnd: (
  head: EndHead,
  owner: Redacted.Redacted<Uint8Array>,
) => Effect.Effect<{ readonly object: string; readonly bytes: Uint8Array }> = Effect.fnUntraced(
  function* (head, owner) {
    const kernel = provenEd25519(yield* Ed25519)
    const { by, created, ended, epoch, key, name, repository, role, signing, snapshots } = head
    const signed = {
      ...{ record: "end", version: 1, repository, key, role, name, created, by, epoch, ended, signing },
      snapshots: [...snapshots].sort(),
    }
    const random = bytesToHex(crypto.getRandomValues(new Uint8Array(4)))
    return {
      object: `KEYS/${key}.${random}.end.json`,
      bytes: encodeJson({ ...signed, signature: signRecord(kernel, owner, signed) }),
    }
  },
)

/**
 * Signed records: grants, epochs and ends in `KEYS/`, and `ROZEN.json`. Each is canonical JSON whose last member is the
 * Ed25519 signature of the members before it. SPEC.md, "Signed records".
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { SignatureKernel } from "../../stages/sign/sign.ts"
import { RepositoryError } from "../error.ts"
import { decodeJson, encodeJson } from "./json.ts"

/** Nothing else that an owner signs begins so. */
const DOMAIN = new TextEncoder().encode("penstock rozen 1 record\0")

const messageOf = (members: object): Uint8Array => concat([DOMAIN, encodeJson(members)])

/** The signature of members, in hex. Throws KernelError `faulty`. */
export const signRecord = ({ sign }: SignatureKernel, seed: Redacted.Redacted<Uint8Array>, members: object): string =>
  bytesToHex(sign(Redacted.value(seed), messageOf(members)))

/** Whether the owner of a public key signed these members. */
export const isSigned = (
  { verify }: SignatureKernel,
  publicKey: Uint8Array,
  members: object,
  signature: string,
): boolean => isHex(signature) && verify(publicKey, messageOf(members), hexToBytes(signature))

/** Whether text is lowercase hex of whole bytes: of `bytes` bytes, if that is given. */
export const isHex = (text: string, bytes?: number): boolean =>
  /^([0-9a-f]{2})*$/.test(text) && (bytes === undefined || text.length === 2 * bytes)

const decodeVersion = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ version: Schema.Int })))

/** Decodes an object of `KEYS/`. Throws RepositoryError: `newer` when a later version wrote it, `corrupt` otherwise. */
export const decodeRecord = <A>(object: string, schema: Schema.Codec<A, unknown>, bytes: Uint8Array): A => {
  const version = Option.map(decodeVersion(new TextDecoder().decode(bytes)), ({ version }) => version)
  if (Option.isSome(version) && version.value !== 1) {
    throw new RepositoryError({
      reason: "newer",
      object,
      message: `${object} has version ${version.value}, which this Penstock cannot read`,
    })
  }
  return decodeJson(object, schema, bytes)
}

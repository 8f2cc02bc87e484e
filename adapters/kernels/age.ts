/** The cipher of age payloads by `node:crypto`, where that has it: not in Bun. */
import type { MakePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import type { NonceCipher } from "../../stages/encrypt/aead.ts"
import { portableChacha } from "../../stages/encrypt/chacha20poly1305.ts"
import { hasNodeChacha, nodeChacha } from "./encrypt.ts"

/** For `AgePayloadCipher` of stages/encrypt/age_payload.ts. */
export const nativeAgePayload: MakePayloadCipher = (key): NonceCipher =>
  hasNodeChacha() ? nodeChacha(key) : portableChacha(key)

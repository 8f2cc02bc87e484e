/** The cipher of age payloads by `node:crypto`. */
import type { MakePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import type { NonceCipher } from "../../stages/encrypt/aead.ts"
import { portableChacha } from "../../stages/encrypt/chacha20poly1305.ts"
import { hasNodeChacha, nodeChacha } from "./chacha.ts"

/**
 * The accelerated cipher of age payloads: provide it as `AgePayloadCipher`. Bun, whose `node:crypto` lacks the cipher,
 * gets the portable one.
 *
 * @example Encrypt archives of zprt by `node:crypto`
 * ```ts
 * import { AgePayloadCipher, zprt } from "@penstock/penstock"
 * import { memoryStore, nativeAgePayload } from "@penstock/penstock/adapters"
 * import { Effect } from "effect"
 *
 * const recognised = Effect.provideService(zprt.recognise, AgePayloadCipher, nativeAgePayload)
 * await Effect.runPromise(Effect.provide(recognised, memoryStore.layer))
 * ```
 */
export const nativeAgePayload: MakePayloadCipher = (key): NonceCipher =>
  hasNodeChacha() ? nodeChacha(key) : portableChacha(key)

/** What this machine does faster than the portable library. */
import * as Layer from "effect/Layer"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { AgePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import { Scrypt } from "../../stages/encrypt/password.ts"
import { Beside } from "../../stages/kernel/codec.ts"
import { Kernels } from "../../stages/kernel/kernel.ts"
import { Ed25519 } from "../../stages/sign/sign.ts"
import { sqliteEngine } from "../catalog/sqlite.ts"
import { nativeAgePayload } from "../kernels/age.ts"
import { besideKernels } from "../kernels/beside.ts"
import { nativeEd25519 } from "../kernels/ed25519.ts"
import { nativeKernels } from "../kernels/native.ts"
import { decoding } from "./decoding.ts"
import { workers } from "./workers.ts"
import { nativeScrypt } from "../kernels/scrypt.ts"

/**
 * Native kernels, scrypt, age payloads and signatures, the fastest SQLite engine that is there, and a thread for each
 * processor. The threads start when there is enough for them to do, and end with the layer.
 *
 * @example Use all processors with a source in memory
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { blake3, catalog, chunk, fastcdc, hash, memorySourceLayer } from "@penstock/penstock"
 * import { pack, packs, sqlite, walk } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 *
 * const backup = walk("").pipe(chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sqlite()))
 * const source = memorySourceLayer({ notes: { content: "buy milk" } })
 * const snapshot = await Effect.runPromise(Effect.provide(backup, [accelerators, memoryStore.layer, source]))
 * assert.equal(snapshot.files, 1)
 * ```
 */
export const accelerators: Layer.Layer<SqliteEngine> = Layer.mergeAll(
  sqliteEngine,
  Layer.succeed(Kernels, nativeKernels),
  Layer.succeed(Beside, besideKernels),
  Layer.succeed(Scrypt, nativeScrypt),
  Layer.succeed(AgePayloadCipher, nativeAgePayload),
  Layer.succeed(Ed25519, nativeEd25519),
  workers(),
  decoding(),
)

/** The fastest way of this machine for what the portable library does slowly. */
import * as Layer from "effect/Layer"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { AgePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import { Scrypt } from "../../stages/encrypt/password.ts"
import { Beside } from "../../stages/kernel/codec.ts"
import { Kernels } from "../../stages/kernel/kernel.ts"
import { sqliteEngine } from "../catalog/sqlite.ts"
import { nativeAgePayload } from "../kernels/age.ts"
import { besideKernels } from "../kernels/beside.ts"
import { nativeKernels } from "../kernels/native.ts"
import { decoding } from "./decoding.ts"
import { workers } from "./workers.ts"
import { nativeScrypt } from "../kernels/scrypt.ts"

/** Native kernels, scrypt and age payloads, the fastest SQLite engine, and threads for the processors. */
export const accelerators: Layer.Layer<SqliteEngine> = Layer.mergeAll(
  sqliteEngine,
  Layer.succeed(Kernels, nativeKernels),
  Layer.succeed(Beside, besideKernels),
  Layer.succeed(Scrypt, nativeScrypt),
  Layer.succeed(AgePayloadCipher, nativeAgePayload),
  workers(),
  decoding(),
)

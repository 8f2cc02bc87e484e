/** The fastest way of this machine for what the portable library does slowly. */
import * as Layer from "effect/Layer"
import type { SqliteEngine } from "../../stages/catalog/sqlite.ts"
import { Scrypt } from "../../stages/encrypt/password.ts"
import { Kernels } from "../../stages/kernel.ts"
import { sqlite } from "../catalog/sqlite.ts"
import { nativeKernels } from "../kernels/native.ts"
import { workers } from "./workers.ts"
import { nativeScrypt } from "../kernels/scrypt.ts"

/** Native kernels and scrypt, the fastest SQLite engine, and a thread for each processor. */
export const accelerators: Layer.Layer<SqliteEngine> = Layer.mergeAll(
  sqlite,
  Layer.succeed(Kernels, nativeKernels),
  Layer.succeed(Scrypt, nativeScrypt),
  workers(),
)

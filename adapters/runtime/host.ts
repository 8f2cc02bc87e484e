/** Everything of this machine that a pipeline may need, at once. */
import { Layer } from "effect"
import { SqliteEngine } from "../../stages/catalog/sqlite.ts"
import { Scrypt } from "../../stages/encrypt/password.ts"
import { Kernels } from "../../stages/kernel.ts"
import type { Source } from "../../stages/walk/source.ts"
import type { Target } from "../../stages/walk/target.ts"
import { sqlite } from "../catalog/sqlite.ts"
import { localSource } from "../files/source.ts"
import { localTarget } from "../files/target.ts"
import { nativeScrypt } from "../kernels/scrypt.ts"
import { nativeKernels } from "../kernels/native.ts"

/** The accelerators: native kernels and scrypt, and the fastest SQLite engine. */
export const accelerators: Layer.Layer<SqliteEngine> = Layer.mergeAll(
  sqlite,
  Layer.succeed(Kernels, nativeKernels),
  Layer.succeed(Scrypt, nativeScrypt),
)

/** The accelerators, and the local file system as Source and Target. Only the store is missing: see `openStore`. */
export const host: Layer.Layer<Source | Target | SqliteEngine> = Layer.mergeAll(
  accelerators,
  localSource.layer,
  localTarget.layer,
)

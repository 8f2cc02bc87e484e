/** Everything of this machine that a pipeline may need, at once. */
import * as Layer from "effect/Layer"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Source } from "../../stages/walk/source.ts"
import type { Target } from "../../stages/walk/target.ts"
import { localSource } from "../files/source/source.ts"
import { localTarget } from "../files/target/target.ts"
import { accelerators } from "./accelerators.ts"

/** The accelerators, and the local file system as Source and Target. Only the store is missing: see `openStore`. */
export const host: Layer.Layer<Source | Target | SqliteEngine> = Layer.mergeAll(
  accelerators,
  localSource.layer,
  localTarget.layer,
)

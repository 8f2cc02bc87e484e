/** The state of an open repository. */
import type * as Redacted from "effect/Redacted"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import type { Layout } from "./layout.ts"

/** What every operation needs. */
export interface Opened {
  readonly id: string
  readonly master: Redacted.Redacted<Uint8Array>
  readonly store: ObjectStore
  readonly engine: SqliteEngine
  readonly layout: Layout
  /** The bytes that `ROZEN.json` has when it is whole. */
  readonly config: Uint8Array
}

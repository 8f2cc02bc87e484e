import { Effect } from "effect"
import { makeSqliteWasm } from "../../../../stages/catalog/sqlite/wasm.ts"
import { sqliteSuite } from "../../../suites/sqlite.ts"

sqliteSuite("sqlite-wasm", () => Effect.runPromise(makeSqliteWasm))

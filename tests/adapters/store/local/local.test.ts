import { Effect } from "effect"
import { localStore } from "../../../../adapters/store/local/local.ts"
import { storeSuite } from "../../../suites/store/contract.ts"
import { memoryDirectory } from "./directory.ts"

storeSuite("localStore", Effect.flatMap(memoryDirectory, (path) => localStore.make(path)))

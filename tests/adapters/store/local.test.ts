import { Effect } from "effect"
import { localStore } from "../../../adapters/store/local.ts"
import { storeSuite } from "../../suites/store.ts"
import { temporaryDirectory } from "./directory.ts"

storeSuite("localStore", Effect.flatMap(temporaryDirectory, (path) => localStore.make(path)))

import { memoryStore } from "../../../adapters/store/memory.ts"
import { storeSuite } from "../../suites/store.ts"

storeSuite("memoryStore", memoryStore.make())

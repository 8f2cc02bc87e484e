import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import { storeSuite } from "../../../suites/store/contract.ts"

storeSuite("memoryStore", memoryStore.make())

/** The program `quick` as a process. */
import { argv } from "node:process"
import { leanMemory } from "../../../adapters/runtime/memory.ts"

// First, as in cli/main.ts.
leanMemory()
const [{ run }, { quick }] = await Promise.all([import("../../../cli/run.ts"), import("./programs.ts")])
await run(quick(argv.slice(2)))

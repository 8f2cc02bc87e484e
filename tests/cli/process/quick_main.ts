/** `penstock` as in cli/main.ts, with {@link quickFormats}. */
import { argv } from "node:process"
import { leanMemory } from "../../../adapters/runtime/memory.ts"
import { quickFormats } from "./quick_formats.ts"

leanMemory()
const [{ penstock }, { run }] = await Promise.all([import("../../../cli/penstock.ts"), import("../../../cli/run.ts")])
await run({ command: penstock, args: argv.slice(2), formats: quickFormats })

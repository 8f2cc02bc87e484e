#!/usr/bin/env node
/** The command `penstock`. */
import { argv } from "node:process"
import { leanMemory } from "../adapters/runtime/memory.ts"

// Before anything else takes memory.
leanMemory()
const [{ penstock }, { run }] = await Promise.all([import("./command.ts"), import("./run.ts")])
await run({ command: penstock, args: argv.slice(2) })

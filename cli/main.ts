#!/usr/bin/env node
/** The command `penstock`. */
import { argv } from "node:process"
import { penstock } from "./command.ts"
import { run } from "./run.ts"

await run({ command: penstock, args: argv.slice(2) })

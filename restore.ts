#!/usr/bin/env node
/** Restores from a checkout: `deno task restore -r REPO --target DIR`. */
import { argv } from "node:process"
import { restoreCommand } from "./cli/restore_command.ts"
import { run } from "./cli/run.ts"

await run({ command: (exit) => restoreCommand("restore.ts", "deno task restore", exit), args: argv.slice(2) })

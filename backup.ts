#!/usr/bin/env node
/** Backs up from a checkout: `bun run backup.ts -r REPO PATH...`. Makes the repository when there is none. */
import { argv } from "node:process"
import { backupCommand } from "./cli/backup_command.ts"
import { run } from "./cli/run.ts"

await run({ command: (exit) => backupCommand("backup.ts", "bun run backup.ts", true, exit), args: argv.slice(2) })

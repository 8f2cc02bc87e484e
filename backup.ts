#!/usr/bin/env node
/** Backs up from a checkout: `bun run backup.ts -r REPO PATH...`. Makes the repository if it does not exist. */
import { checkNode } from "./cli/node_version.ts"

checkNode()
Promise.all([import("./cli/arguments/backup.ts"), import("./cli/run.ts")]).then(([{ backupCommand }, { run }]) =>
  run({
    command: (exit) => backupCommand("backup.ts", "bun run backup.ts", true, exit),
    args: globalThis.process.argv.slice(2),
  })
)

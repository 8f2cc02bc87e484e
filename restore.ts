#!/usr/bin/env node
/** Restores from a checkout: `deno task restore -r REPO --target DIR`. */
import { checkNode } from "./cli/node_version.ts"

checkNode()
Promise.all([import("./cli/arguments/restore.ts"), import("./cli/run.ts")]).then(([{ restoreCommand }, { run }]) =>
  run({
    command: (exit) => restoreCommand("restore.ts", "deno task restore", exit),
    args: globalThis.process.argv.slice(2),
  })
)

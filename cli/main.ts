#!/usr/bin/env node
/** The command `penstock`. */
import { checkNode } from "./node_version.ts"

checkNode()
import("../adapters/runtime/memory.ts").then(({ leanMemory }) => {
  // First, before anything takes memory.
  leanMemory()
  return Promise.all([import("./penstock.ts"), import("./run.ts")])
}).then(([{ penstock }, { run }]) => run({ command: penstock, args: globalThis.process.argv.slice(2) }))

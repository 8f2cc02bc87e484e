/**
 * The command of this checkout on each runtime: `npm run bench:pipelines -- --corpus small --scale 0.5 --runs 3`. Options: bench/README.md.
 */
import { run } from "./run.ts"
import { penstocks } from "./tools.ts"

await run("pipelines", ["node", "deno", "bun"], penstocks)

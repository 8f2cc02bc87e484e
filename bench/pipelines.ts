/**
 * The command of this checkout, built, by format and runtime: `npm run bench:pipelines -- --format rozen --format bkp`.
 * Options: bench/README.md.
 */
import { penstocks } from "./penstock_tools.ts"
import { RUNTIMES } from "./programs.ts"
import { run } from "./run.ts"

await run("pipelines", RUNTIMES, penstocks)

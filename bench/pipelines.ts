/**
 * The built command of this checkout, by format and runtime: `npm run bench:pipelines -- --format rozen --format bkp`.
 * Options: bench/README.md.
 */
import { penstocks } from "./penstock_tools.ts"
import { RUNTIMES } from "./programs.ts"
import { measureTools } from "./run.ts"

await measureTools("pipelines", RUNTIMES, penstocks)

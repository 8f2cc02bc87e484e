/**
 * The command of this checkout, built, and other programs, side by side:
 * `npm run bench:peers -- --corpus small --scale 0.5 --runs 3`. Options: bench/README.md.
 */
import { limits } from "./limit_tools.ts"
import { peers } from "./peer_tools.ts"
import { penstocks } from "./penstock_tools.ts"
import { run } from "./run.ts"

await run("peers", ["node"], async (runtimes, formats) => [
  ...await penstocks(runtimes, formats),
  ...peers(),
  ...limits(),
])

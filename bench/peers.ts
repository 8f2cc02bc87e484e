/**
 * The built command of this checkout beside other programs:
 * `npm run bench:peers -- --corpus small --scale 0.5 --runs 3`. Options: bench/README.md.
 */
import { limits } from "./limit_tools.ts"
import { peers } from "./peer_tools.ts"
import { penstocks } from "./penstock_tools.ts"
import { measureTools } from "./run.ts"

await measureTools("peers", ["node"], async (runtimes, formats) => [
  ...await penstocks(runtimes, formats),
  ...peers(),
  ...limits(),
])

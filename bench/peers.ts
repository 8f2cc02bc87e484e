/**
 * The command of this checkout and other programs, side by side: `npm run bench:peers -- --corpus small --scale 0.5 --runs 3`. Options: bench/README.md.
 */
import { run } from "./run.ts"
import { peers, penstocks } from "./tools.ts"

await run("peers", ["node"], (runtimes) => [...penstocks(runtimes), ...peers()])

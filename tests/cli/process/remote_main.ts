/** The program `remote` as a process. */
import { argv } from "node:process"
import { run } from "../../../cli/run.ts"
import { remote } from "./programs.ts"

await run(remote(argv.slice(2)))

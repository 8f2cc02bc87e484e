/** The program `fakeFormat` as a process. */
import { argv } from "node:process"
import { run } from "../../../cli/run.ts"
import { fakeFormat } from "./programs.ts"

await run(fakeFormat(argv.slice(2)))

/**
 * Measures kernels on the runtime that runs this file. Prints a line of JSON for each result.
 *
 *   measure.ts compare GROUP...              compares outputs only
 *   measure.ts ROUNDS MS ENTRIES GROUP...    measures
 */
import process from "node:process"
import { Bench, type Group, GROUPS, type Line } from "./bench.ts"
import { catalog } from "./catalog.ts"
import { chunk } from "./chunk.ts"
import { compress } from "./compress.ts"
import { encrypt } from "./encrypt.ts"

import { hash } from "./hash.ts"

const groups: Readonly<Record<Group, (bench: Bench) => void | Promise<void>>> = {
  chunk,
  hash,
  compress,
  encrypt,
  catalog,
}

const print = (line: Line): void => console.log(JSON.stringify(line))
const [first, ...rest] = process.argv.slice(2)
const effort = first === "compare"
  ? undefined
  : { rounds: Number(first), ms: Number(rest.shift()), entries: Number(rest.shift()) }
const bench = new Bench(effort, print)
for (const name of GROUPS) if (rest.includes(name)) await groups[name](bench)

/**
 * The entry point of a process that runs several test files. Each is in a suite named `= PATH`, so that the report says
 * which file a test is from. PENSTOCK_TEST_FILES has the paths, one per line.
 *
 * Bun loads one file after the other. Node would load all at once and put tests into the wrong suite, so each file
 * waits for the one before. Deno takes no tests from a suite with an asynchronous body, so there the path goes before
 * the name of each test.
 */
import process from "node:process"
import { describe } from "node:test"
import { pathToFileURL } from "node:url"
import { batchMark } from "./command.ts"

const files = (process.env["PENSTOCK_TEST_FILES"] ?? "").split("\n")
const load = async (file: string): Promise<void> => void await import(pathToFileURL(file).href)

interface DenoTests {
  test: (...args: Array<unknown>) => unknown
}
const deno = (globalThis as { readonly Deno?: DenoTests }).Deno

if (process.versions["bun"] !== undefined) {
  for (const file of files) describe(`${batchMark}${file}`, () => load(file))
} else if (deno === undefined) {
  for (const file of files) {
    await new Promise<void>((loaded) => {
      describe(`${batchMark}${file}`, () => load(file).finally(loaded))
    })
  }
} else {
  const register = deno.test
  let current = ""
  const named = (name: unknown): string => `${batchMark}${current} > ${String(name)}`
  // `node:test` uses these forms of its arguments.
  deno.test = Object.assign(
    (first: unknown, ...rest: ReadonlyArray<unknown>) =>
      typeof first === "object" && first !== null
        ? register({ ...first, name: named((first as { readonly name: unknown }).name) }, ...rest)
        : register(named(first), ...rest),
    register,
  )
  for (const file of files) {
    current = file
    await load(file)
  }
}

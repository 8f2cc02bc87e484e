/**
 * The entry of a process that runs several test files: each within a suite named `= PATH`, so that the report tells
 * whose the tests are. The paths are in PENSTOCK_TEST_FILES, one a line.
 *
 * Bun loads one file after the other. Node would load all at once, and take tests for those of whoever imports at the
 * time, so that each has to wait for the one before. Deno takes no tests from a suite whose body is asynchronous: there
 * the name goes before that of each test.
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
  // Of the forms that it takes, `node:test` uses these.
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

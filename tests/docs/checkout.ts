/** Examples as a user writes them, changed to run in the checkout. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { stateHome } from "../state.ts"

export const root: string = resolve(import.meta.dirname, "../..")

/** The entry points of the package: subpath and source. */
export const entryPoints: Readonly<Record<string, string>> = (
  JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as { readonly exports: Readonly<Record<string, string>> }
).exports

/** The specifiers of a user become files of the checkout. */
export const inCheckout = (source: string): string =>
  source.replace(/(\bfrom ")@penstock\/penstock((?:\/[\w/-]+)?")/g, (whole, before: string, after: string) => {
    const found = entryPoints[`.${after.slice(0, -1)}`]
    assert.ok(found, `${whole.slice(6)} is not exported`)
    return `${before}${join(root, found)}"`
  })

/** Makes a directory look like that of a user who has installed the library. */
export const install = (directory: string): void => {
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"))
  writeFileSync(join(directory, "package.json"), `{"type":"module"}`)
}

/** Runs a program to its end and gives what it printed. A failure shows all of its output. */
export const run = (command: string, args: ReadonlyArray<string>, cwd: string): string => {
  const env = {
    ...process.env,
    NO_COLOR: "1",
    NODE_NO_WARNINGS: "1",
    NODE_TEST_CONTEXT: undefined,
    DENO_NO_UPDATE_CHECK: "1",
    XDG_STATE_HOME: stateHome,
  }
  const done = spawnSync(command, args, { cwd, env, encoding: "utf8", timeout: 120_000, maxBuffer: 1 << 28 })
  assert.equal(done.status, 0, `${done.error?.message ?? ""}${done.stdout}${done.stderr}`)
  return done.stdout
}

/** What this runtime needs before the path of a script. */
export const scriptArguments: ReadonlyArray<string> = "Deno" in globalThis
  ? ["run", "-A", "--no-check", `--config=${join(root, "deno.json")}`]
  : []

/** Type-checks files of `directory` as strictly as the library itself. */
export const typeCheck = (directory: string, files: ReadonlyArray<string>): void => {
  const options = { extends: join(root, "tsconfig.json"), compilerOptions: { types: ["node"] }, files, include: [] }
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(options))
  run(join(root, "node_modules/.bin/tsc"), ["-p", "."], directory)
}

/** Runs the command on a remote store. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { join } from "node:path"
import { type Ended, inDirectory, rowsOf, runScript } from "./spawn.ts"

const main = "tests/cli/process/remote_main.ts"

export type Run = (env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) => Promise<Ended>

/**
 * Runs in a directory with files to back up in `source`. The store is `far:` with the directory `store`, and the cache
 * is in `cache`.
 */
export const withRemote = (use: (run: Run, at: (name: string) => string) => Promise<void>): Promise<void> =>
  inDirectory(async (at) => {
    fs.mkdirSync(at("source"))
    for (let i = 0; i < 40; i++) fs.writeFileSync(join(at("source"), `file${i}`), `content of file ${i} `.repeat(40))
    const run: Run = (env, ...args) =>
      runScript(main, args, {
        env: {
          PENSTOCK_PASSWORD: "secret",
          PENSTOCK_REPO: `far:${at("store")}`,
          PENSTOCK_CACHE_DIR: at("cache"),
          ...env,
        },
      })
    await use(run, at)
  })

export const ok = (ended: Ended): Ended => {
  assert.equal(ended.code, 0, ended.stderr)
  return ended
}

export const summaryOf = (ended: Ended): Readonly<Record<string, number>> => {
  const last = rowsOf(ok(ended)).at(-1)!
  assert.equal(last["type"], "summary")
  return last as Readonly<Record<string, number>>
}

export const filesIn = (directory: string, end: string): ReadonlyArray<string> =>
  fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(end))
    .map((name) => join(directory, name))

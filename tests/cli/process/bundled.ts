/**
 * A bundle of the commands of the tests, from the sources as they are now. The first test that asks makes it, in tmp/.
 */
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { bundle } from "../../bundle.ts"

/** A script that tests run as a process, by its path from the root. */
export type Script =
  | "cli/main.ts"
  | "backup.ts"
  | "restore.ts"
  | `tests/cli/process/${"quick" | "fake" | "remote" | "serve"}_main.ts`

/** Runs scripts inside the process of a test. */
const INSIDE = "tests/cli/process/inside.ts"

const scripts: ReadonlyArray<Script | typeof INSIDE> = [
  ...["cli/main.ts", "backup.ts", "restore.ts"] as const,
  ...["tests/cli/process/quick_main.ts", "tests/cli/process/fake_main.ts", "tests/cli/process/remote_main.ts"] as const,
  ...["tests/cli/process/serve_main.ts", INSIDE] as const,
]

const root = resolve(import.meta.dirname, "../../..")
const folder = join(root, "tmp/bundles")
const DAY = 24 * 60 * 60 * 1000

/** A hash of every source that may be in the bundle, and of the versions of the packages. */
const stamp = (): string => {
  const hash = createHash("sha256")
  const add = (path: string): void => {
    const bytes = readFileSync(join(root, path))
    hash.update(`${path}\0${bytes.length}\0`).update(bytes)
  }
  for (const path of ["package-lock.json", "tests/bundle.ts", "backup.ts", "restore.ts"]) add(path)
  for (const part of ["adapters", "cli", "formats", "stages", "tests/cli"]) {
    for (const path of readdirSync(join(root, part), { recursive: true, encoding: "utf8" }).sort()) {
      if (path.endsWith(".ts")) add(join(part, path))
    }
  }
  return hash.digest("hex").slice(0, 32)
}

const make = (): string => {
  const made = join(folder, stamp())
  mkdirSync(folder, { recursive: true })
  try {
    utimesSync(made, new Date(), new Date())
    return made
  } catch {
    // It does not exist yet.
  }
  for (const name of readdirSync(folder)) {
    const old = statSync(join(folder, name), { throwIfNoEntry: false })
    if (old !== undefined && Date.now() - old.mtimeMs > DAY) {
      rmSync(join(folder, name), { recursive: true, force: true })
    }
  }
  const fresh = mkdtempSync(join(folder, "new-"))
  bundle(scripts, fresh)
  try {
    renameSync(fresh, made)
  } catch (error) {
    // Another process has made the same bundle.
    rmSync(fresh, { recursive: true })
    if (statSync(made, { throwIfNoEntry: false }) === undefined) throw error
  }
  return made
}

let directory: string | undefined

/** The script in the bundle. */
export const bundled = (script: Script | typeof INSIDE): string =>
  join(directory ??= make(), basename(script).replace(/\.ts$/, ".js"))

/** What runs scripts inside this process. Loaded from the bundle, it starts in a fourth of the time. */
export const inside = (): Promise<typeof import("./inside.ts")> => import(pathToFileURL(bundled(INSIDE)).href)

/** The script as it stands in the checkout. */
export const source = (script: Script): string => join(root, script)

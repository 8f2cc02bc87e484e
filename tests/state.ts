/**
 * A directory for what commands remember (`XDG_STATE_HOME`), for the tests of this process alone: never the developer's
 * own.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"

const make = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "penstock-state-"))
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

// tests/runner/process.ts gives one, and removes it.
export const stateHome: string = process.env["PENSTOCK_TESTS_STATE"] ?? make()

import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import process from "node:process"
import { test } from "node:test"
import { setTimeout } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { withScratch } from "../../bench/scratch.ts"

const bench = (name: string): string => pathToFileURL(resolve(import.meta.dirname, "../../bench", name)).href
const arguments_ = "deno" in process.versions ? ["run", "-A"] : []

/** A run in `parent` that measures a program without end, and the process ID of that program. */
const RUN = `
import { join } from "node:path"
import { measure } from ${JSON.stringify(bench("measure.ts"))}
import { withScratch } from ${JSON.stringify(bench("scratch.ts"))}
const parent = process.argv[2]
const script = 'touch "$1/file"; echo $$ > "$2/pid.part"; mv "$2/pid.part" "$2/pid"; exec sleep 100'
await withScratch(parent, (folder) =>
  measure({ argv: ["sh", "-c", script, "sh", folder, parent] }))
`

const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // A process that has ended, and whose parent has not noticed, has only a number.
    return !existsSync("/proc/self/stat") || !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    return false
  }
}

const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await setTimeout(20)
}

const started = async (parent: string) => {
  const script = join(parent, "run.mjs")
  writeFileSync(script, RUN)
  const child = spawn(process.execPath, [...arguments_, script, parent], { stdio: ["ignore", "ignore", "pipe"] })
  let said = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => said += text)
  const closed = once(child, "close")
  await until(() => existsSync(join(parent, "pid")) || child.exitCode !== null)
  assert.equal(child.exitCode, null, said)
  return { child, closed, said: () => said, measured: Number(readFileSync(join(parent, "pid"), "utf8")) }
}

const folders = (parent: string): ReadonlyArray<string> =>
  readdirSync(parent).filter((name) => name.startsWith("penstock-bench-"))

test("a run that is stopped by a signal says so, ends the program that it measures and removes its files", async () => {
  const parent = mkdtempSync(join(tmpdir(), "penstock-test-"))
  try {
    const { child, closed, said, measured } = await started(parent)
    assert.equal(folders(parent).length, 1)
    child.kill("SIGTERM")
    const [code, signal] = await closed
    // Deno reports the exit code as a signal.
    assert.ok(code === 143 || signal === "SIGTERM", `${code} ${signal}`)
    assert.match(said(), /Stopped by SIGTERM/)
    assert.deepEqual(folders(parent), [])
    await until(() => !runs(measured))
  } finally {
    rmSync(parent, { recursive: true })
  }
})

test("the next run removes the files of a killed one, and nothing else", async () => {
  const parent = mkdtempSync(join(tmpdir(), "penstock-test-"))
  try {
    const { child, closed, measured } = await started(parent)
    await withScratch(parent, () => assert.equal(folders(parent).length, 2))
    child.kill("SIGKILL")
    await closed
    process.kill(measured, "SIGKILL")
    assert.equal(folders(parent).length, 1)
    await withScratch(parent, (folder) => assert.deepEqual(folders(parent).map((name) => join(parent, name)), [folder]))
    assert.deepEqual(folders(parent), [])
  } finally {
    rmSync(parent, { recursive: true })
  }
})

/** The machine and the commit of a measurement. */
import { spawnSync } from "node:child_process"
import { availableParallelism, cpus, release, totalmem } from "node:os"
import process from "node:process"
import { root } from "./programs.ts"

export interface Machine {
  readonly description: string
  readonly cores: number
  /** Bytes. */
  readonly memory: number
  readonly cpu: string
  readonly kernel: string
  /** The file system of sources, repositories and restored trees; `tmpfs` is memory. */
  readonly fileSystem: string
}

/** What all results have. */
export interface Run {
  /** The name of the files of results. */
  readonly name: string
  /** ISO 8601. */
  readonly date: string
  readonly machine: Machine
  /** The commit that was measured, followed by `+` if the checkout had changes. */
  readonly commit: string
  readonly command: string
  /** May be empty. */
  readonly note: string
}

/** This machine. `described` replaces the description that is made from its facts, unless it is empty. */
export const machine = (described: string, scratch: string): Machine => {
  const cpu = cpus()[0]?.model.trim() ?? "unknown"
  const kernel = `${process.platform} ${/^\d+\.\d+/.exec(release())?.[0] ?? release()} ${process.arch}`
  const [cores, memory] = [availableParallelism(), totalmem()]
  const description = described || `${cores} cores, ${Math.round(memory / 2 ** 30)} GiB, ${cpu}, ${kernel}`
  const fileSystem = spawnSync("stat", ["-f", "-c", "%T", scratch], { encoding: "utf8" }).stdout?.trim() || "unknown"
  return { description, cores, memory, cpu, kernel, fileSystem }
}

const git = (...args: ReadonlyArray<string>): string =>
  spawnSync("git", ["-C", root, ...args], { encoding: "utf8" }).stdout?.trim() ?? ""

/** The commit of the checkout, followed by `+` if it has changes. */
export const commit = (): string =>
  git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--untracked-files=no") && "+")

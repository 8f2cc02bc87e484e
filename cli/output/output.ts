/**
 * Everything that the command prints. Results go to stdout, messages and progress to stderr. Writes are synchronous, so
 * nothing is lost when the process exits; a reader that went away (`penstock ls | head`) is noticed, not an error. What
 * else keeps stdout from being written is told by {@link outputError}.
 */
import { writeSync } from "node:fs"
import { env, stderr } from "node:process"
import { displayText, HIDDEN_CHARACTERS, quotePath } from "../../stages/walk/path.ts"
import { secondReadMembers } from "./second_reads.ts"
import { trafficMembers } from "./traffic.ts"

/** What decides how things are printed. */
export interface OutputOptions {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose?: boolean
}

/** Where a command prints to. */
export interface Output extends OutputOptions {
  /** Whether progress is shown: stderr is a terminal, and neither `--quiet` nor `--json` is given. */
  readonly live: boolean
  /** A line of the result for a human; nothing with `--json`. */
  readonly line: (text: string) => void
  /** A line of the result that is a matter of course, left out by `--quiet`. */
  readonly note: (text: string) => void
  /** A message on stderr that only `--verbose` shows. */
  readonly detail: (text: string) => void
  /** A message on stderr that `--quiet` leaves out. */
  readonly remark: (text: string) => void
  /**
   * One JSON object on a line of its own; nothing without `--json`. Integers beyond 2^53 become strings. A summary also
   * tells of remote stores.
   */
  readonly row: (row: { readonly type: string; readonly [key: string]: unknown }) => void
  /** A message on stderr, shown always. */
  readonly warn: (text: string) => void
  /** Replaces the progress line; `""` takes it away. */
  readonly status: (text: string) => void
  /** Writes out what is buffered. */
  readonly flush: () => void
  /** True when whoever read stdout has gone: listings may stop. */
  readonly closed: () => boolean
}

const FLUSH_AT = 1 << 15

let pending = ""
let gone = false
let failure: string | undefined
let shown = false

/** Makes the output of one command. The buffer is the process's own: there is one stdout. */
export const makeOutput = ({ json, quiet, verbose = false }: OutputOptions): Output => {
  const live = !json && !quiet && stderr.isTTY === true && env["TERM"] !== "dumb"
  const line = (text: string): void => {
    if (json) return
    clearStatus()
    print(`${displayText(text)}\n`)
  }
  return {
    json,
    quiet,
    verbose,
    live,
    line,
    note: (text) => {
      if (!quiet) line(text)
    },
    detail: (text) => {
      if (verbose) printError(text)
    },
    remark: (text) => {
      if (!quiet) printError(text)
    },
    row: (row) => {
      const all = row.type === "summary" ? { ...row, ...trafficMembers(), ...secondReadMembers() } : row
      if (json) print(`${rowText(all)}\n`)
    },
    warn: printError,
    status: (text) => {
      if (!live) return
      flush()
      const shorter = displayText(text).slice(0, Math.max(20, (stderr.columns || 80) - 1))
      write(2, `\r\x1b[K${shorter}`)
      shown = text !== ""
    },
    flush,
    closed: () => gone,
  }
}

/** Prints to stdout, buffered. */
export const print = (text: string): void => {
  if (gone) return
  pending += text
  if (pending.length >= FLUSH_AT) flush()
}

/** Writes out what {@link print} holds back. */
export const flush = (): void => {
  const text = pending
  pending = ""
  if (text !== "" && !gone) gone = !write(1, text)
}

/**
 * Prints one line to stderr, after what stdout still holds back. Whatever is in a message, and comes from an archive, a
 * server or a name: nothing in it does anything to a terminal, or looks like a line of its own.
 */
export const printError = (text: string): void => printErrorLines(displayText(text))

/** The same of text that is ours, as it is: help, with its colours. */
export const printErrorLines = (text: string): void => {
  flush()
  clearStatus()
  write(2, `${text}\n`)
}

const clearStatus = (): void => {
  if (shown) write(2, "\r\x1b[K")
  shown = false
}

/** Members that are paths in a snapshot: they are told so that they can be given back, see `quotePath`. */
const PATHS: ReadonlySet<string> = new Set(["path", "linkTo", "example"])

/** Characters that JSON may hold as they are, and that would do something to a terminal. */
const RAW = new RegExp(HIDDEN_CHARACTERS, "gu")

/** A row of `--json`, which is Unicode whatever the names of files are, and does nothing to a terminal. */
export const rowText = (row: { readonly type: string; readonly [key: string]: unknown }): string =>
  JSON.stringify(row, jsonValue).replace(RAW, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`)

const jsonValue = (key: string, value: unknown): unknown =>
  typeof value === "string"
    ? PATHS.has(key) ? quotePath(value) : value.isWellFormed() ? value : displayText(value)
    : typeof value === "bigint"
    ? value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value)
    : value

/**
 * Why stdout could not be written to its end, such as a disk that is full; undefined when all is well, or its reader
 * has gone.
 */
export const outputError = (): string | undefined => failure

/** Writes bytes to stdout; false when no more can be written. */
export const writeBytes = (bytes: Uint8Array): boolean => {
  flush()
  if (!gone) gone = !writeAll(1, bytes)
  return !gone
}

const encoder = new TextEncoder()
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** False when nothing more can be written. */
const write = (fd: number, text: string): boolean => writeAll(fd, encoder.encode(text))

const writeAll = (fd: number, bytes: Uint8Array): boolean => {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message: string }
      // A pipe that is full and was set to non-blocking by someone else: wait for its reader.
      if (code === "EAGAIN") Atomics.wait(sleeper, 0, 0, 2)
      else {
        if (fd === 1 && code !== "EPIPE") failure = `Cannot write to standard output: ${message}`
        return false
      }
    }
  }
  return true
}

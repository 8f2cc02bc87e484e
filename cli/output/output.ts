/** What a command prints: lines for people, or rows of `--json`. */
import { env, stderr } from "node:process"
import { type Row, rowText } from "./row.ts"
import { flush, outputClosed, print, printError, printLine, showStatus } from "./streams.ts"

/** The options that decide how things are printed. */
export interface OutputOptions {
  /** Print rows of JSON. */
  readonly json: boolean
  /** Print only errors and problems. */
  readonly quiet: boolean
  /** Also print details. */
  readonly verbose?: boolean
}

/** Where a command prints to. */
export interface Output extends OutputOptions {
  /** Whether progress is shown: stderr is a terminal, and neither `--quiet` nor `--json` is given. */
  readonly live: boolean
  /** Prints a line of the result for people. With `--json` it prints nothing. */
  readonly line: (text: string) => void
  /** Prints a line of the result that `--quiet` leaves out. */
  readonly note: (text: string) => void
  /** Prints a message on stderr, only with `--verbose`. */
  readonly detail: (text: string) => void
  /** Prints a message on stderr that `--quiet` leaves out. */
  readonly remark: (text: string) => void
  /** Prints a message on stderr, always. */
  readonly warn: (text: string) => void
  /** Prints a row. Without `--json` it prints nothing. */
  readonly row: (row: Row) => void
  /** Replaces the progress line; `""` removes it. */
  readonly status: (text: string) => void
  /** Writes what is buffered. */
  readonly flush: () => void
  /** Whether the reader of stdout has gone, so that a listing may stop. */
  readonly closed: () => boolean
}

/**
 * Makes the output of a command.
 *
 * @example Print a row with `--json`, and a line without
 * ```ts
 * import { makeOutput } from "@penstock/penstock/cli"
 *
 * const out = makeOutput({ json: true, quiet: false })
 * out.line("3 snapshots")
 * out.row({ type: "summary", snapshots: 3 })
 * out.flush()
 * ```
 */
export const makeOutput = ({ json, quiet, verbose = false }: OutputOptions): Output => {
  const live = !json && !quiet && stderr.isTTY === true && env["TERM"] !== "dumb"
  const line = (text: string): void => {
    if (!json) printLine(text)
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
    warn: printError,
    row: (row) => {
      if (json) print(`${rowText(row)}\n`)
    },
    status: (text) => {
      if (live) showStatus(text)
    },
    flush,
    closed: outputClosed,
  }
}

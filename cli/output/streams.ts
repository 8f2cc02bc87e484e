/**
 * stdout and stderr of the process. Results go to stdout, messages and progress to stderr. Writes are synchronous, so
 * nothing is lost when the process exits. A reader that goes away (`penstock ls | head`) is noticed and is no error.
 * {@link outputError} tells of any other reason why stdout could not be written.
 */
import { writeSync } from "node:fs"
import { stderr } from "node:process"
import { displayText } from "../../stages/walk/path.ts"

const STDOUT = 1
const STDERR = 2

/** Characters of text that are held back before they are written. */
const FLUSH_AT = 1 << 15

// A process has one stdout and one terminal, so their state belongs to the process, and lives as long.
/** Text for stdout that is not written yet. */
let pending = ""
/** Whether stdout takes no more: its reader has gone, or writing failed. */
let gone = false
/** Why writing to stdout failed. */
let failure: string | undefined
/** Whether a status line is on the terminal. */
let statusShown = false

/** Writes bytes from `at` on to a file descriptor, and returns how many it took. */
type Write = (fd: number, bytes: Uint8Array, at: number) => number
let writeTo: Write = writeSync

/**
 * Begins anew, as a process does, and sends all that follows to `write` instead of to stdout and stderr. A test runs
 * many commands in one process with this.
 */
export const redirect = (write: Write): void => {
  pending = ""
  gone = false
  failure = undefined
  statusShown = false
  writeTo = write
}

/** Prints text to stdout, buffered. */
export const print = (text: string): void => {
  if (gone) return
  pending += text
  if (pending.length >= FLUSH_AT) flush()
}

/** Writes what {@link print} holds back. */
export const flush = (): void => {
  const text = pending
  pending = ""
  if (text !== "" && !gone) gone = !write(STDOUT, text)
}

/** Prints a line of the result for people: it replaces the status line. */
export const printLine = (text: string): void => {
  clearStatus()
  print(`${displayText(text)}\n`)
}

/** Writes bytes to stdout. False when no more can be written. */
export const writeBytes = (bytes: Uint8Array): boolean => {
  flush()
  if (!gone) gone = !writeAll(STDOUT, bytes)
  return !gone
}

/** Whether stdout takes no more, so that a listing may stop. */
export const outputClosed = (): boolean => gone

/** Why stdout could not be written to its end, such as a full disk. Undefined if all is well or its reader has gone. */
export const outputError = (): string | undefined => failure

/**
 * Prints one line to stderr, after what stdout still holds back. The text may contain names from an archive or a
 * server: control characters in it do not reach the terminal, and cannot start another line.
 */
export const printError = (text: string): void => printErrorLines(displayText(text))

/** Prints our own text, such as help with its colours, to stderr as it is. */
export const printErrorLines = (text: string): void => {
  flush()
  clearStatus()
  write(STDERR, `${text}\n`)
}

/** Puts text in the place of the status line on the terminal. `""` removes the line. */
export const showStatus = (text: string): void => {
  flush()
  const shorter = displayText(text).slice(0, Math.max(20, (stderr.columns || 80) - 1))
  write(STDERR, `${CLEAR_LINE}${shorter}`)
  statusShown = text !== ""
}

const CLEAR_LINE = "\r\x1b[K"

const clearStatus = (): void => {
  if (statusShown) write(STDERR, CLEAR_LINE)
  statusShown = false
}

const encoder = new TextEncoder()
/** Only waited on; nothing ever changes it. */
const sleeper = new Int32Array(new SharedArrayBuffer(4))

const write = (fd: number, text: string): boolean => writeAll(fd, encoder.encode(text))

/** Writes all bytes. False when no more can be written. */
const writeAll = (fd: number, bytes: Uint8Array): boolean => {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeTo(fd, bytes, at)
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message: string }
      // A full pipe that someone else made non-blocking: wait two milliseconds for its reader.
      if (code === "EAGAIN") Atomics.wait(sleeper, 0, 0, 2)
      else {
        if (fd === STDOUT && code !== "EPIPE") failure = `Cannot write to standard output: ${message}`
        return false
      }
    }
  }
  return true
}

/** Signals that ask the command to end. */
import { readFileSync } from "node:fs"
import process from "node:process"

/**
 * Calls `end` once: on SIGINT, SIGTERM, or SIGHUP, which comes when the terminal or the connection is gone. `now` is
 * called on another SIGINT or SIGTERM. Another SIGHUP does nothing: a shell and the system both send one.
 */
export const onSignal = (end: () => void, now: () => void): void => {
  // First: Deno forgets it with the first handler, for whatever signal.
  const ignored = ignoresHangup()
  let asked = false
  const ask = (again: () => void) => (): void => {
    if (asked) return again()
    asked = true
    end()
  }
  process.on("SIGINT", ask(now))
  process.on("SIGTERM", ask(now))
  process.on("SIGHUP", ignored ? () => {} : ask(() => {}))
}

/**
 * Whether `nohup` started the process, as far as can be told: Node forgets it, and other systems than Linux do not
 * tell.
 */
const ignoresHangup = (): boolean => {
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))
    return ignored !== null && (Number.parseInt(ignored[1]!.slice(-2), 16) & 1) === 1
  } catch {
    return false
  }
}

/** Signals that ask the command to end. */
import { readFileSync } from "node:fs"
import process from "node:process"

/**
 * Calls `end` on the first SIGINT, SIGTERM or SIGHUP. SIGHUP comes when the terminal or the connection is gone. Calls
 * `now` on another SIGINT or SIGTERM. Another SIGHUP does nothing, since the shell and the system both send one.
 */
export const onSignal = (end: () => void, now: () => void): void => {
  // Before the first handler: any handler makes Deno forget this.
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
 * Whether `nohup` started the process, so that SIGHUP is ignored. Node does not keep that, so it is read from the
 * system. Only Linux tells.
 */
const ignoresHangup = (): boolean => {
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))
    return ignored !== null && (Number.parseInt(ignored[1]!.slice(-2), 16) & 1) === 1
  } catch {
    return false
  }
}

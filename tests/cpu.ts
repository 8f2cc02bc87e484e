/**
 * Processor time, for tests of input that is made to keep a decoder busy. It does not depend on what else the machine
 * does, as the time of a clock would.
 */
import process from "node:process"

/** Milliseconds of processor time that this process has used. */
export const cpuMs = (): number => {
  const { system, user } = process.cpuUsage()
  return (user + system) / 1000
}

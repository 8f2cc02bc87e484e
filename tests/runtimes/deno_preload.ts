/**
 * Deno loads this before a test file. `deno test` ignores an error that a file with `node:test` throws outside its
 * tests (at top level, from a timer) and exits with 0. This prints the error with a mark that the runner counts as a
 * failure.
 */
import { uncaughtMark } from "./command.ts"

for (const type of ["error", "unhandledrejection"]) {
  globalThis.addEventListener(type, (event) => {
    const { error, reason } = event as { readonly error?: unknown; readonly reason?: unknown }
    console.error(uncaughtMark, error ?? reason)
  })
}

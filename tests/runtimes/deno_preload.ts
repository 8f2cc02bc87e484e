/**
 * Loaded by Deno before a test file. `deno test` drops an error that a file with `node:test` throws outside of its
 * tests (at top level, from a timer) and exits with 0; this prints it with a mark that the runner counts as a failure.
 */
import { uncaughtMark } from "./command.ts"

for (const type of ["error", "unhandledrejection"]) {
  globalThis.addEventListener(type, (event) => {
    const { error, reason } = event as { readonly error?: unknown; readonly reason?: unknown }
    console.error(uncaughtMark, error ?? reason)
  })
}

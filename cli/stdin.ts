/** Standard input as the only file of a backup. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { stdin } from "node:process"
import type { Entry } from "../stages/walk/entry.ts"
import { pathProblem } from "../stages/walk/path.ts"
import { SourceError } from "../stages/walk/source.ts"
import { UsageError } from "./error.ts"

/**
 * One file entry of that name whose content is what comes in on stdin, of unknown size. Its content can be read once only;
 * reading it again fails with `changed`. Fails with {@link UsageError} when `name` cannot be a path.
 */
export const stdinEntries = (name: string): Effect.Effect<Stream.Stream<Entry>, UsageError> => {
  const path = name.replace(/^\/+/, "")
  const problem = path === "" ? "it is empty" : pathProblem(path)
  if (problem !== undefined) {
    return Effect.fail(new UsageError({ message: `"${name}" cannot be the name of a file in a snapshot: ${problem}` }))
  }
  if (stdin.isTTY) {
    return Effect.fail(
      new UsageError({ message: "Standard input is a terminal; pipe into it what --stdin is to back up" }),
    )
  }
  let used = false
  const content = Stream.suspend(() => {
    if (used) {
      return Stream.fail(
        new SourceError({ reason: "changed", path, message: "Standard input can be read only once" }),
      )
    }
    used = true
    return Stream.fromAsyncIterable(
      stdin as AsyncIterable<Uint8Array>,
      (cause) => new SourceError({ reason: "io", path, message: `Cannot read standard input: ${cause}`, cause }),
    )
  })
  const parents = path.split("/").slice(0, -1).map((_, i, parts): Entry => ({
    path: parts.slice(0, i + 1).join("/"),
    kind: "directory",
    metadata: { mode: 0o755 },
    size: 0,
  }))
  const mtime = BigInt(Date.now()) * 1_000_000n
  const file: Entry = { path, kind: "file", metadata: { mode: 0o644, mtime }, size: undefined, content }
  return Effect.succeed(Stream.fromIterable([...parents, file]))
}

/** The web server of Python's library, which speaks HTTP/1.0 and ignores ranges. */
import { spawnSync } from "node:child_process"
import { Effect, type Scope } from "effect"
import { freePort, programPath, runServer } from "./process.ts"

const program = programPath("python3")

/** Why the server cannot be started here; undefined if it can. */
export const pythonMissing: string | undefined =
  program !== undefined && spawnSync(program, ["-c", "import http.server"]).status === 0
    ? undefined
    : "python3 is not installed"

/** Serves a folder; gives the URL. */
export const python = (folder: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* Effect.promise(freePort)
    const args = ["-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, String(port)]
    yield* runServer(program ?? "python3", args, port)
    return `http://127.0.0.1:${port}/`
  })

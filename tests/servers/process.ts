/** Starts the programs of tests: real servers on loopback, in a temporary folder. */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import process from "node:process"
import { Effect, type Scope } from "effect"

/** The path of a program, or undefined. Also searches the directories in which Debian has servers. */
export const programPath = (name: string): string | undefined =>
  [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"]
    .map((directory) => join(directory, name)).find((path) => existsSync(path))

/** A port that is free now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })

/** A server that was started. */
export interface RunningServer {
  /** Kills the server, as a crash would, and waits until it has ended. */
  readonly kill: () => Promise<void>
  /** Starts the server again on the same port. */
  readonly start: () => Promise<void>
}

/** Starts a program and waits until its port answers. It is killed when the scope closes. */
export const runServer = (
  command: string,
  args: ReadonlyArray<string>,
  port: number,
): Effect.Effect<RunningServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      let child: ChildProcess | undefined
      let over = Promise.resolve()
      const kill = async (): Promise<void> => {
        child?.kill("SIGTERM")
        const hard = setTimeout(() => child?.kill("SIGKILL"), 2000)
        await over
        clearTimeout(hard)
      }
      const start = async (): Promise<void> => {
        const started = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] })
        child = started
        let said = ""
        let ended = false
        started.stderr.on("data", (text) => said += String(text))
        over = new Promise((resolve) => {
          for (const event of ["exit", "error"]) {
            started.on(event, () => {
              ended = true
              resolve()
            })
          }
        })
        for (let i = 0; !(await answers(port)); i++) {
          if (ended || i > 500) throw new Error(`${command} did not start: ${said}`)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
      await start()
      return { kill, start }
    }),
    ({ kill }) => Effect.promise(kill),
  )

/** A folder that other users can enter, because a server that root starts changes to a user of its own. */
export const serverFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "penstock-server-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true, maxRetries: 5 })),
)

/** Standard input, or the output of a command, as the only file of a backup. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ChildProcess, spawn } from "node:child_process"
import { fstatSync } from "node:fs"
import { stdin } from "node:process"
import type { Entry } from "../../stages/walk/entry.ts"
import { SourceError } from "../../stages/walk/errors.ts"
import { pathProblem } from "../../stages/walk/path.ts"
import { EXIT_INCOMPLETE } from "../process/exit_codes.ts"
import { UsageError } from "../process/usage_error.ts"

/** What is backed up of an input. */
export interface Incoming {
  readonly entries: Stream.Stream<Entry>
  /** Fails if the input proves to be bad, so that no snapshot may be made. Otherwise it never ends. */
  readonly failed: Effect.Effect<never, UsageError>
}

/** Where the bytes come from. */
export interface Input {
  /** Its name, as a message begins with it. */
  readonly what: string
  /** Fails with the message for the user. */
  readonly bytes: Stream.Stream<Uint8Array, UsageError>
}

/**
 * A file entry of that name whose content is the input, of unknown size. The content can be read only once: reading it
 * again fails with `changed`. If the input ends with an error, or is empty, it is not stored: `failed` fails, and the
 * content never ends. Fails with {@link UsageError} if `name` cannot be a path.
 */
export const inputEntries: (name: string, input: Input) => Effect.Effect<Incoming, UsageError> = Effect.fnUntraced(
  function* (
    name,
    { bytes, what },
  ) {
    const path = name.replace(/^\/+/, "")
    const problem = path === "" ? "it is empty" : pathProblem(path)
    if (problem !== undefined) {
      return yield* new UsageError({ message: `"${name}" cannot be the name of a file in a snapshot: ${problem}` })
    }
    const failed = yield* Deferred.make<never, UsageError>()
    const fail = (error: UsageError): Effect.Effect<never> => Effect.andThen(Deferred.fail(failed, error), Effect.never)
    let used = false
    const content = Stream.suspend((): Stream.Stream<Uint8Array, SourceError> => {
      if (used) {
        return Stream.fail(new SourceError({ reason: "changed", path, message: `${what} can be read only once` }))
      }
      used = true
      let length = 0
      return bytes.pipe(
        Stream.tap((piece) => Effect.sync(() => void (length += piece.length))),
        Stream.catch((error) => Stream.fromEffect(fail(error))),
        Stream.concat(
          Stream.fromEffectDrain(Effect.suspend(() =>
            length > 0 ? Effect.void : fail(
              new UsageError({
                message: `${what} gave no data; no snapshot was made`,
                exitCode: EXIT_INCOMPLETE,
              }),
            )
          )),
        ),
      )
    })
    const parents = path.split("/").slice(0, -1).map((_, i, parts): Entry => ({
      path: parts.slice(0, i + 1).join("/"),
      kind: "directory",
      metadata: { mode: 0o755 },
      size: 0,
    }))
    const mtime = BigInt(Date.now()) * 1_000_000n
    const file: Entry = { path, kind: "file", metadata: { mode: 0o644, mtime }, size: undefined, content, once: true }
    return { entries: Stream.fromIterable([...parents, file]), failed: Deferred.await(failed) }
  },
)

/** Fails if standard input cannot be read. `option` is the option that needs it. */
export const requireStdin = (option: string): Effect.Effect<void, UsageError> =>
  Effect.suspend(() => {
    if (stdin.isTTY) return refuse(`Standard input is a terminal: pipe the data for ${option} into it`)
    try {
      return fstatSync(0).isDirectory()
        ? refuse(`Standard input is a directory: name it as a path to back up, without ${option}`)
        : Effect.void
    } catch (cause) {
      return refuse(`Standard input cannot be read: ${(cause as Error).message}`)
    }
  })

const refuse = (message: string): Effect.Effect<never, UsageError> => Effect.fail(new UsageError({ message }))

/** Standard input. */
export const stdinInput: Effect.Effect<Input, UsageError> = Effect.as(requireStdin("--stdin"), {
  what: "Standard input",
  bytes: Stream.fromAsyncIterable(
    stdin as AsyncIterable<Uint8Array>,
    (cause) => new UsageError({ message: `Cannot read standard input: ${messageOf(cause)}; no snapshot was made` }),
  ),
})

/**
 * The standard output of a command. The command is started when the first bytes are asked for, and killed at the end of
 * the scope. If its exit code is not 0, the bytes end with an error.
 */
export const commandInput: (
  command: ReadonlyArray<string>,
) => Effect.Effect<Input, UsageError, Scope.Scope> = Effect.fnUntraced(function* (command) {
  const [program, ...args] = command
  if (program === undefined || program === "") {
    return yield* new UsageError({
      message: program === ""
        ? "The command after --stdin-from-command -- is empty: give the program to run and its arguments"
        : "No command is given: write --stdin-from-command -- COMMAND [ARGUMENT]...",
    })
  }
  let child: ChildProcess | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => void child?.kill()))
  const broken = (how: string): UsageError =>
    new UsageError({ message: `The command ${program} ${how}; no snapshot was made` })
  const start = () => spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] })
  const bytes = Stream.suspend((): Stream.Stream<Uint8Array, UsageError> => {
    let running: ReturnType<typeof start>
    try {
      running = child = start()
    } catch (cause) {
      // Some errors of a path are thrown instead of being reported by an event.
      return Stream.fail(broken(`cannot be run: ${messageOf(cause)}`))
    }
    const ended = new Promise<string | undefined>((resolve) => {
      running.once("error", (error) => resolve(`cannot be run: ${reasonOf(error)}`))
      running.once(
        "close",
        (code, signal) =>
          resolve(code === 0 ? undefined : code === null ? `was ended by ${signal}` : `failed with exit code ${code}`),
      )
    })
    const end = (otherwise: Effect.Effect<void, UsageError>): Stream.Stream<never, UsageError> =>
      Stream.fromEffectDrain(
        Effect.flatMap(Effect.promise(() => ended), (how) => how === undefined ? otherwise : Effect.fail(broken(how))),
      )
    return Stream.fromAsyncIterable(
      running.stdout as AsyncIterable<Uint8Array>,
      (cause) => broken(`cannot be read from: ${messageOf(cause)}`),
    ).pipe(
      // The end of the command says more than the end of its output.
      Stream.catch((error) => end(Effect.fail(error))),
      Stream.concat(end(Effect.void)),
    )
  })
  return { what: `The command ${program}`, bytes }
})

const reasonOf = (error: Error & { readonly code?: string }): string =>
  error.code === "ENOENT" ? "there is no such program" : error.message

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

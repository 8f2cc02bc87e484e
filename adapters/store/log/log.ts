/** Logs the operations of a store. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import type { StoreError } from "../../../stages/store/store.ts"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"

/** How to log. */
export interface LogOptions {
  /** `Debug` by default, which Effect shows only if it is told to. */
  readonly level?: "Debug" | "Info"
}

/**
 * The same store, which logs one line for each operation when it ends:
 * `get "DATA/ab/c.roz" from 0, 4096 bytes in 12 ms: done`. In place of `done` stands the reason and message of the
 * error, or `interrupted`. Lines hold names, sizes and times, but no content.
 *
 * @example Log what a program asks of its store
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import * as Logger from "effect/Logger"
 * import { log, memoryStore } from "@penstock/penstock/adapters"
 *
 * const lines: Array<string> = []
 * const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
 * const program = Effect.gen(function* () {
 *   const store = log(yield* memoryStore.make(), { level: "Info" })
 *   yield* store.put("DATA/a", [Uint8Array.of(1, 2, 3)])
 * })
 * await Effect.runPromise(Effect.provide(program, logger))
 * assert.match(lines[0]!, /^put "DATA\/a", 3 bytes in \d+ ms: done$/)
 * ```
 */
export const log: Decorator<[options?: LogOptions]> = decorator((store, options) => {
  const write = options?.level === "Info" ? Effect.logInfo : Effect.logDebug
  const line = (what: string, name: string, detail: string, start: number, outcome: string): Effect.Effect<void> =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => write(`${what} "${name}"${detail} in ${Math.round(now - start)} ms: ${outcome}`),
    )
  const logged = <A, R>(
    what: string,
    name: string,
    effect: Effect.Effect<A, StoreError, R>,
    detail: (value: A | undefined) => string = () => "",
  ): Effect.Effect<A, StoreError, R> =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (start) =>
        Effect.onExit(effect, (exit) =>
          line(what, name, detail(Exit.isSuccess(exit) ? exit.value : undefined), start, outcomeOf(exit))),
    )
  return {
    properties: store.properties,
    put: (name, parts, how) => logged("put", name, store.put(name, parts, how), () => `, ${sizeOfParts(parts)} bytes`),
    create: (name, how) =>
      Effect.map(logged("create", name, store.create(name, how)), (writer) => ({
        append: (bytes) => {
          const { length } = bytes
          return logged("append to", name, writer.append(bytes), () => `, ${length} bytes`)
        },
        commit: logged("commit", name, writer.commit),
      })),
    get: (name, part) =>
      logged(
        "get",
        name,
        store.get(name, part),
        (bytes) =>
          "atMost" in part
            ? `, ${bytes?.length ?? "all"} bytes`
            : ` from ${part.offset}, ${bytes?.length ?? part.length} bytes`,
      ),
    stat: (name) => logged("stat", name, store.stat(name), (info) => info === undefined ? "" : `, ${info.size} bytes`),
    list: (directory) =>
      Stream.unwrap(Effect.map(Clock.currentTimeMillis, (start) => {
        let count = 0
        return store.list(directory).pipe(
          Stream.mapArray((objects) => {
            count += objects.length
            return objects
          }),
          Stream.onExit((exit) => line("list", directory, `, ${count} objects`, start, outcomeOf(exit))),
        )
      })),
    remove: (name) => logged("remove", name, store.remove(name)),
  }
})

const outcomeOf = (exit: Exit.Exit<unknown, StoreError>): string => {
  if (Exit.isSuccess(exit)) return "done"
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return error === undefined
    ? Cause.hasInterrupts(exit.cause) ? "interrupted" : "failed"
    : `${error.reason}: ${error.message}`
}

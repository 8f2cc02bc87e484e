/** A store whose process kills itself (`kill -9`) at a chosen operation. */
import process from "node:process"
import { setImmediate } from "node:timers"
import { Effect, Stream } from "effect"
import type { ObjectStore } from "../../../stages/store/store.ts"

const die = (): void => void process.kill(process.pid, "SIGKILL")

/**
 * The store, which kills the process at an operation, counted from 1: before it, or while it is under way (`within`).
 */
export const deadly = (store: ObjectStore, operation: number, within: boolean): ObjectStore => {
  let count = 0
  const counted = <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      if (++count === operation) {
        if (within) setImmediate(die)
        else {
          die()
          return Effect.never
        }
      }
      return run
    })
  return {
    properties: store.properties,
    put: (name, parts, how) => counted(store.put(name, parts, how)),
    create: (name, how) =>
      counted(Effect.map(store.create(name, how), ({ append, commit }) => ({
        append: (bytes: Uint8Array) => counted(append(bytes)),
        commit: counted(commit),
      }))),
    get: (name, range) => counted(store.get(name, range)),
    stat: (name) => counted(store.stat(name)),
    list: (under) => Stream.unwrap(counted(Effect.succeed(store.list(under)))),
    remove: (name) => counted(store.remove(name)),
  }
}

/**
 * Another process that backs up, and kills itself: `format_child.ts MODULE REPOSITORY DIRECTORY OPERATION true|false`. At that operation
 * of its store, counted from 1: before it, or when it is under way.
 */
import process from "node:process"
import { setImmediate } from "node:timers"
import { Effect, Stream } from "effect"
import { localSource } from "../../adapters/files/source.ts"
import type { ObjectStore } from "../../stages/pack/store.ts"
import { Source } from "../../stages/walk/source.ts"
import { runFormat } from "./format.ts"
import { diskStore, options, reachIn, type Subject } from "./subject.ts"

const [module, repository, directory, operation, within] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]

const die = (): void => void process.kill(process.pid, "SIGKILL")

let count = 0
const counted = <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    if (++count === Number(operation)) {
      if (within === "true") setImmediate(die)
      else {
        die()
        return Effect.never
      }
    }
    return run
  })

const deadly = (store: ObjectStore): ObjectStore => ({
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
})

const { subject } = await import(module) as { readonly subject: Subject }
await runFormat(
  Effect.gen(function* () {
    const store = deadly(yield* diskStore(subject, repository))
    const { entries } = yield* Source
    yield* Effect.flatMap(reachIn(subject, store), (opened) => opened.backup(entries(directory, {}), options))
  }).pipe(Effect.provide(localSource.layer)),
)

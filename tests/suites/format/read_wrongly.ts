/** Bytes that are read wrongly once, as a part of the contract of {@link Format}: nothing is called damaged then. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import type { FormatError } from "../../../formats/error.ts"
import type { Repository } from "../../../formats/repository.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { OnSecondRead } from "../../../stages/store/second_read.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { contentStream } from "../../../stages/walk/content.ts"
import { runFormat } from "./environment.ts"
import { openIn, type Subject } from "./subject.ts"

import { type Objects, storeOf } from "./objects.ts"
import { told } from "./spot.ts"

/** The tests of one format. `base` is a repository; `unverified` see `UnreadableTraits`. */
export const readWronglyOnce = (
  subject: Subject,
  base: Promise<Objects>,
  unverified?: (name: string) => boolean,
): void => {
  const open = (store: ObjectStore) => openIn(subject, store)

  describe(`${subject.name}: an object is read wrongly once`, () => {
    /** Flips one bit of what the n-th read of an object gives, counted from 0. */
    const flippingOnce = (store: ObjectStore, target: string, n: number): ObjectStore & { hit: () => boolean } => {
      let reads = 0
      return {
        ...store,
        hit: () => reads > n,
        get: (name, part) =>
          Effect.suspend(() => {
            if (name !== target || reads++ !== n) return store.get(name, part)
            return Effect.map(store.get(name, part), (bytes) => {
              if (bytes.length > 0) bytes[bytes.length >> 1]! ^= 4
              return bytes
            })
          }),
      }
    }
    const runs: ReadonlyArray<
      readonly [string, (repository: Repository) => Effect.Effect<unknown, FormatError, SqliteEngine | Scope.Scope>]
    > = [
      [
        "a check finds no damage",
        (repository) =>
          Effect.map(repository.check({ readData: 100 }), ({ findings }) => assert.deepEqual(findings, [])),
      ],
      ["a restore gives everything", (repository) =>
        Effect.gen(function* () {
          for (const snapshot of yield* repository.snapshots) {
            yield* Stream.runForEach(repository.entries(snapshot), (entry) =>
              Effect.catch(
                Stream.runDrain(contentStream(entry)),
                ({ message }) => Effect.die(new Error(`${entry.path}: ${message}`)),
              ))
          }
        })],
      [
        "a rebuild finds nothing to do",
        (repository) => Effect.map(repository.rebuild, ({ findings }) => assert.deepEqual(findings, [])),
      ],
    ]
    for (const [name, run] of runs) {
      it(name, () =>
        runFormat(Effect.gen(function* () {
          const objects = yield* Effect.promise(() => base)
          const again: Array<string> = []
          for (const [object] of objects) {
            if (unverified?.(object) === true) continue
            // The first read of each object; of a single file, each.
            for (let n = 0; n === 0 || subject.file !== undefined; n++) {
              const store = flippingOnce(yield* storeOf(objects), object, n)
              yield* Effect.scoped(Effect.flatMap(open(store), run)).pipe(
                Effect.catchDefect((defect) => Effect.die(told(defect, { name: object, from: n, to: n }))),
                Effect.mapError((error) => told(error, { name: object, from: n, to: n })),
                Effect.provideService(OnSecondRead, (told) => void again.push(told)),
              )
              if (!store.hit()) break
            }
          }
          assert.ok(again.length > 0, "nothing tells which objects were read twice")
        })))
    }
  })
}

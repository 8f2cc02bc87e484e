/** Formats run kernels in many ways. With a faulty kernel in any place, no format loses data and reports success. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Cause, Effect, Exit, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { nativeKernels } from "../../adapters/kernels/native.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { AgePayloadCipher, type MakePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import { portableChacha } from "../../stages/encrypt/chacha20poly1305.ts"
import { Scrypt } from "../../stages/encrypt/password.ts"
import { type KernelOf, Kernels, type KernelStage, type KernelTable } from "../../stages/kernel/kernel.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { withFault } from "../suites/faulty_kernels.ts"
import { factsOf, kept, sorted } from "../suites/format/facts.ts"
import { noise } from "../suites/noise.ts"
import { runFormat } from "../suites/format/environment.ts"
import { createIn, openIn, options } from "../suites/format/subject.ts"
import { subject as bkp } from "./bkp/subject.ts"
import { subject as fogsync } from "./fogsync/subject.ts"
import { subject as rozen } from "./rozen/subject.ts"
import { subject as rozenV0 } from "./rozen/v0/subject.ts"
import { subject as snapshotCatalog } from "./snapshot_catalog/subject.ts"
import { subject as zprt } from "./zprt/subject.ts"

const subjects = [rozen, rozenV0, bkp, zprt, fogsync, snapshotCatalog]

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const tree: MemoryTree = {
  "d/text": { ...metadata, content: "all work and no play ".repeat(20_000) },
  "d/noise": { ...metadata, content: noise(300_000, 1) },
  "small": { ...metadata, content: "small" },
  // More than what any format keeps in memory.
  "large": { ...metadata, content: noise(5 << 20, 3) },
}
const zeros: MakePayloadCipher = (key) => {
  const { open, seal } = portableChacha(key)
  return { open, seal: (...args) => seal(...args).map((part) => new Uint8Array(part.length)) }
}
const walk = (): Stream.Stream<Entry> => memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** Of each kind of kernel: one fault that shows at once, and those that need more than a look. */
const tried: Readonly<Record<KernelStage, ReadonlyArray<string>>> = {
  chunk: ["ends beyond the content", "ends where it began", "writes into the content"],
  hash: ["gives a short name", "names by length", "gives the same memory each time", "throws"],
  compress: ["cuts off the end", "gives nothing", "gives the same memory each time", "is right once"],
  encrypt: ["gives a byte more", "gives zeros", "is right once", "throws"],
}

type Make = (params: never) => KernelOf[KernelStage]
const makers = Object.entries(nativeKernels) as ReadonlyArray<readonly [string, Make]>

/** All kernels are as they are, but for this one, which has a fault; `used` is told of its use. */
const tableWith = (name: string, fault: string, used: () => void): KernelTable =>
  Object.fromEntries(makers.map(([key, make]) => [
    key,
    key !== name ? make : (params: never) => {
      used()
      return withFault(name.split(":")[0] as KernelStage, fault, make(params))
    },
  ]))

describe("functions that are no kernels, but do the same work", () => {
  const failing = <A>(run: Effect.Effect<A, unknown, SqliteEngine | Scope.Scope>, message: RegExp) =>
    runFormat(Effect.map(Effect.exit(run), (exit) => {
      assert.ok(Exit.isFailure(exit), "it reports success")
      assert.match(String(exit.cause.reasons.find(Cause.isFailReason)?.error), message)
    }))

  it("a cipher of age payloads that seals zeros makes the backup fail", () =>
    failing(
      Effect.gen(function* () {
        const store = yield* memoryStore.make()
        const repository = yield* createIn(zprt, store)
        return yield* repository.backup(walk(), options).pipe(
          // A repository keeps the cipher that it was opened with.
          Effect.provideService(AgePayloadCipher, zeros),
        )
      }).pipe(Effect.provideService(AgePayloadCipher, zeros)),
      /age is faulty/,
    ))

  it("no repository is made with a scrypt that gives another key each time", async () => {
    for (const subject of [rozen, rozenV0, zprt]) {
      await failing(
        Effect.flatMap(memoryStore.make(), (store) => createIn(subject, store)).pipe(
          Effect.provideService(Scrypt, () => Promise.resolve(crypto.getRandomValues(new Uint8Array(32)))),
        ),
        /scrypt in use is faulty/,
      )
    }
  })
})

for (const subject of subjects) {
  describe(`${subject.name} with a faulty kernel`, () => {
    for (const [key] of makers) {
      const [stage, name] = key.split(":") as [KernelStage, string]
      it(key, async () => {
        for (const fault of tried[stage]) {
          let uses = 0
          await runFormat(Effect.gen(function* () {
            const store = yield* memoryStore.make()
            const table = tableWith(key, fault, () => uses++)
            yield* Effect.scoped(Effect.provideService(subject.format.create(subject.secrets), ObjectStore, store))
            const exit = yield* Effect.flatMap(
              openIn(subject, store),
              (repository) => repository.backup(walk(), options),
            ).pipe(
              Effect.scoped,
              Effect.provideService(Kernels, table),
              Effect.exit,
            )
            if (Exit.isSuccess(exit)) {
              const repository = yield* openIn(subject, store)
              const facts = yield* factsOf(repository.entries(exit.value.snapshot!))
              const wanted = yield* factsOf(walk())
              assert.deepEqual(
                sorted(kept(facts, subject.format.fidelity, subject)),
                sorted(kept(wanted, subject.format.fidelity, subject)),
                `${fault}: lost`,
              )
              return
            }
            const error = exit.cause.reasons.find(Cause.isFailReason)?.error
            assert.ok(error !== undefined, `${fault}: ${Cause.pretty(exit.cause)}`)
            assert.match(error.message, new RegExp(name), fault)
          }))
          if (uses === 0) break
        }
      })
    }
  })
}

/**
 * No object can stand for another. An attacker who can write to the store copies each kind of object over each other
 * kind; check notices it, and names the object.
 */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { makeFogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import { makeRozenV0 } from "../../formats/rozen/v0/mod.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { noise } from "../suites/noise.ts"
import { runFormat } from "../suites/format/environment.ts"
import { objectsOf, storeOf } from "../suites/format/objects.ts"

const scrypt = { n: 1024, r: 8, p: 1 }
const password: Secrets = { password: Redacted.make("correct horse") }

interface Case {
  readonly format: Format
  readonly secrets: Secrets
  /**
   * What is said where the layout of the document does not tell which object it is; `nothing`: see the threat model.
   */
  readonly instead?: (to: string, from: string) => RegExp | "nothing" | undefined
}

const isHead = (name: string): boolean => name.startsWith("heads/") || name.startsWith("next/")
const cases: Readonly<Record<string, Case>> = {
  "rozen": { format: makeRozen({ scrypt }), secrets: password },
  "rozen-v0": { format: makeRozenV0({ scrypt }), secrets: password },
  // Heads and links are IDs, of 32 bytes: one that is of another snapshot is as good as its own.
  "bkp": {
    format: makeBkp({ iterations: 10, packBelow: 4 << 10 }),
    secrets: password,
    instead: (to, from) => isHead(to) && isHead(from) ? "nothing" : undefined,
  },
  // Of two packfiles with one prefix nothing tells which is which, but what is missing then.
  "bkp, one key": {
    format: makeBkp({ iterations: 10, packBelow: 4 << 10, keys: "one" }),
    secrets: password,
    instead: (to, from) =>
      isHead(to) && isHead(from)
        ? "nothing"
        : to.endsWith(".pack") && from.endsWith(".pack") && to.split("/")[0] === from.split("/")[0]
        ? /is missing: it is in no file of metadata|Chunks of files are in no readable file/
        : undefined,
  },
  "snapshot-catalog": { format: makeSnapshotCatalog(), secrets: {} },
  "fogsync": { format: makeFogsync(), secrets: { key: Redacted.make(noise(32, 1)) } },
}

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const tree = (n: number): MemoryTree => ({
  "d/small": { ...metadata, content: noise(300 + n, n) },
  "large": { ...metadata, content: noise(80_000, 50 + n) },
})
const walk = (n: number): Stream.Stream<Entry> => memorySource(tree(n)).entries("", {}) as Stream.Stream<Entry>

/** Names without what is random or counted in them: objects of one kind share it. */
const kindOf = (name: string): string => name.replace(/[0-9a-f]{2,}/g, "#")

for (const [title, { format, instead = () => undefined, secrets }] of Object.entries(cases)) {
  test(`${title}: no object stands for another of the same or another kind`, async () => {
    await runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const created = yield* Effect.provideService(format.create(secrets), ObjectStore, store)
      yield* created.backup(walk(1), { hostname: "a", paths: ["/data"], time: 1000 })
      yield* created.backup(walk(2), { hostname: "b", paths: ["/data"], time: 2000 })
      if (title.startsWith("rozen")) {
        // Another key object, of another password.
        yield* created.keys!.add({ password: Redacted.make("battery staple") })
      }
      const objects = yield* objectsOf(store)
      const chosen = [...Map.groupBy(objects.keys(), kindOf).values()].flatMap((names) => names.slice(0, 2))
      assert.ok(chosen.length > 4)
      for (const to of chosen) {
        for (const from of chosen) {
          const expected = instead(to, from)
          if (to === from || expected === "nothing") continue
          const altered = yield* storeOf(new Map(objects).set(to, objects.get(from)!))
          const said: Array<string> = []
          const opened = yield* Effect.result(Effect.provideService(format.open(secrets), ObjectStore, altered))
          if (opened._tag === "Failure") said.push(`${opened.failure.message}`)
          else {
            const checked = yield* Effect.result(opened.success.check({ readData: 100 }))
            if (checked._tag === "Failure") said.push(checked.failure.message)
            else said.push(...checked.success.findings.map(({ message, object }) => `${object}: ${message}`))
          }
          const named = (message: string) => expected === undefined ? message.includes(to) : expected.test(message)
          assert.ok(said.some(named), `${to} is ${from}: ${said.join("; ")}`)
        }
      }
    }))
  })
}

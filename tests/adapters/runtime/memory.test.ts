/**
 * The memory of the process. The library does not tune it. The command starts collections where the runtime would let
 * the heap grow.
 */
import assert from "node:assert/strict"
import { createRequire, syncBuiltinESMExports } from "node:module"
import process from "node:process"
import { test } from "node:test"
import v8 from "node:v8"
import { Effect, Stream } from "effect"
import { host, memoryStore } from "../../../adapters/mod.ts"
import { collectAfter, leanMemory } from "../../../adapters/runtime/memory.ts"
import {
  blake3,
  catalog,
  chunk,
  compress,
  type Entry,
  hash,
  pack,
  packs,
  plan,
  sqlite,
  whole,
  zstd,
} from "../../../mod.ts"
import { skipIf } from "../../skip.ts"

/** Records, from now on, everything that changes the settings of the runtime or starts a collection. */
const settings: Array<string> = []
if ("Bun" in globalThis) {
  const jsc = createRequire(import.meta.url)("bun:jsc") as { fullGC: () => number }
  const { fullGC } = jsc
  jsc.fullGC = () => {
    settings.push("fullGC")
    return fullGC()
  }
} else {
  v8.setFlagsFromString = (flag) => void settings.push(flag)
  syncBuiltinESMExports()
}

const entries = Array.from({ length: 20_000 }, (_, i): Entry => {
  const content = new TextEncoder().encode(String(i % 100))
  return { path: `f${i}`, kind: "file", metadata: {}, size: content.length, content }
})
const backup = plan(Stream.fromIterable(entries)).pipe(
  chunk(whole()),
  hash(blake3),
  compress(zstd()),
  pack(packs()),
  catalog(sqlite()),
  Effect.provide([memoryStore.layer, host]),
)

test("a program that uses the library keeps its settings, signals and environment", async () => {
  const signals = [
    "SIGINT",
    "SIGTERM",
    "SIGHUP",
    "exit",
    "beforeExit",
    "warning",
    "uncaughtException",
    "unhandledRejection",
  ]
  const state = (): unknown => ({
    environment: { ...process.env },
    listeners: signals.map((signal) => [signal, process.listenerCount(signal)]),
    umask: process.umask(),
    directory: process.cwd(),
  })
  const before = state()
  assert.equal((await Effect.runPromise(backup)).files, entries.length)
  assert.deepEqual(settings, [])
  assert.deepEqual(state(), before)
})

test("a lean process collects early, as a run shows", async () => {
  leanMemory()
  await Effect.runPromise(backup)
  assert.deepEqual(
    [...new Set(settings)],
    "Bun" in globalThis
      ? ["fullGC"]
      : ["--semi-space-growth-factor=1", "--no-parallel-scavenge", "--heap-growing-percent=30"],
  )
})

const elsewhere = "Bun" in globalThis ? false : "only Bun is told when to collect"

test(...skipIf(elsewhere, "garbage is collected after a number of entries"), async () => {
  const made: Array<WeakRef<object>> = []
  const make = (): void => {
    for (let n = 0; n < 1000; n++) made.push(new WeakRef({ n }))
  }
  make()
  // The target of a new WeakRef lives until the end of the turn.
  await new Promise((resolve) => setTimeout(resolve, 0))
  for (let n = 0; n < 100; n++) collectAfter(512)
  const left = made.filter((reference) => reference.deref() !== undefined).length
  // Some may seem alive, because a number on the stack looks like their address.
  assert.ok(left < 100, `${left} of 1000 are left`)
})

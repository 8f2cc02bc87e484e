/** A repository with two snapshots, for suites that damage what it stores. */
import { Effect, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { noise } from "../noise.ts"
import { runFormat } from "./environment.ts"
import { createIn, options, type Subject } from "./subject.ts"

import { type Objects, objectsOf } from "./objects.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
/** Files of several sizes, so that there is something in each kind of object. */
export const before: MemoryTree = {
  "a": { ...metadata, content: noise(200_000, 1) },
  "b": { ...metadata, content: "small" },
  "d/c": { ...metadata, content: noise(70_000, 2) },
  "d/e/f": { ...metadata, content: noise(3000, 3) },
}
export const after: MemoryTree = {
  ...before,
  "d/g": { ...metadata, content: noise(90_000, 4) },
  "h": { ...metadata, content: "h" },
}
/** The entries of a tree. */
export const walk = (tree: MemoryTree): Stream.Stream<Entry> =>
  memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** Makes the objects of the repository: two snapshots, or the second where there is one only. */
export const twoSnapshots = (subject: Subject): Promise<Objects> =>
  runFormat(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    const repository = yield* createIn(subject, store)
    yield* repository.backup(walk(before), { ...options, time: 1_000_000 })
    yield* repository.backup(walk(after), { ...options, time: 2_000_000 })
    return yield* objectsOf(store)
  }))

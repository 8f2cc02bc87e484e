/** Copies that are killed: nothing needs repair, and the next copy uses the chunks that are there, and completes. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync } from "node:fs"
import { join } from "node:path"
import { it } from "node:test"
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import { fault } from "../../adapters/store/fault/fault.ts"
import { localStore } from "../../adapters/store/local/local.ts"
import { copy } from "../../formats/copy.ts"
import { memoryDirectory } from "../adapters/store/local/directory.ts"
import { childCommand } from "../child.ts"
import { runFormat } from "../suites/format/environment.ts"
import { clean, completes, create, open, tree, walk } from "./copied.ts"

for (const [name, shared] of [["with another key", false], ["with the same key", true]] as const) {
  it(`copy, ${name}: a run that is killed`, { timeout: 180_000 }, () =>
    runFormat(Effect.gen(function* () {
      const directory = yield* memoryDirectory
      const at = (name: string) => join(directory, name)
      const source = yield* localStore.make(at("from"), { create: true })
      const from = yield* create(source)
      yield* from.backup(walk(tree(30, 30_000)), { paths: ["/d"], time: 1000 })
      yield* from.backup(walk(tree(30, 30_000, 15)), { paths: ["/d"], time: 2000 })
      yield* create(yield* localStore.make(at("empty"), { create: true }), shared ? from : undefined)
      const fresh = (name: string) => {
        cpSync(at("empty"), at(name), { recursive: true })
        return localStore.make(at(name))
      }
      const counted = fault(yield* fresh("counted"), { effect: "fail", nth: Infinity })
      const all = yield* completes(source, yield* fresh("whole"))
      yield* Stream.runDrain(copy(yield* open(source), yield* open(counted)))
      const operations = counted.operations()
      for (const [i, moment] of [0.3, 0.5, 0.7, 0.95].entries()) {
        const name = `killed ${i}`
        const left = yield* fresh(name)
        const operation = Math.round(moment * operations)
        const [program, ...args] = childCommand(fileURLToPath(import.meta.resolve("./copy_child.ts")))
        const child = spawn(program, [...args, at("from"), at(name), String(operation), String(i % 2 === 0)], {
          stdio: ["ignore", "ignore", "pipe"],
        })
        let errors = ""
        child.stderr.on("data", (part) => errors += part)
        const [code, signal] = yield* Effect.promise(() => once(child, "close"))
        assert.equal(signal ?? code, "SIGKILL", errors)
        yield* clean(yield* open(left))
        const packed = (yield* Stream.runCollect(left.list("DATA/"))).filter(({ name }) => name.endsWith(".roz"))
        const there = packed.reduce((n, { size }) => n + size, 0)
        if (moment >= 0.5) assert.ok(there > 0, "no pack was finished")
        const stored = yield* completes(source, left)
        // What was finished is not stored again: 64 KiB of packs under way, and indexes and catalogs, are.
        assert.ok(stored < all - there + 150_000, `${stored} of ${all} stored, and ${there} were there`)
      }
    })))
}

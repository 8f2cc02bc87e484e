/**
 * Another process at work on a repository: `child.ts backup STORE DIRECTORY [HOST]` or
 * `child.ts restore STORE DIRECTORY`. The store is one that is made when it is not there, and so is the repository.
 * Prints "ready" when it starts, and what it did as JSON.
 */
import process from "node:process"
import { Effect, Layer } from "effect"
import { localSource } from "../../../adapters/files/source/source.ts"
import { localTarget } from "../../../adapters/files/target/target.ts"
import { openStore } from "../../../adapters/store/open/open.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { Source } from "../../../stages/walk/source.ts"
import { write } from "../../../stages/walk/write.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { options, secrets } from "./harness.ts"

/** Small packs, so that a run that is killed has finished some. */
const format = makeRozen({
  packBytes: 1 << 20,
  blockBytes: 256 << 10,
  average: 64 << 10,
  scrypt: { n: 1024, r: 8, p: 1 },
})

const [what, location, directory, hostname] = process.argv.slice(2) as [string, string, string, string?]

const main = Effect.gen(function* () {
  const store = yield* openStore(location, { create: true })
  const source = yield* Source
  process.stdout.write("ready\n")
  const result = yield* Effect.gen(function* () {
    const repository = yield* (yield* format.recognise) ? format.open(secrets) : format.create(secrets)
    if (what === "backup") {
      const host = hostname === undefined ? {} : { hostname }
      const summary = yield* repository.backup(source.entries(directory, {}), { ...options, ...host })
      const { bytesAdded, chunksNew, chunksReused, files, problems } = summary
      return { problems, bytesAdded, chunksReused, chunksNew, files }
    }
    const snapshots = yield* repository.snapshots
    return yield* repository.entries(snapshots.at(-1)!).pipe(write(directory, { owner: false }))
  }).pipe(Effect.provideService(ObjectStore, store))
  process.stdout.write(`${JSON.stringify(result)}\n`)
}).pipe(Effect.provide(Layer.merge(localSource.layer, localTarget.layer)))

await runFormat(main)

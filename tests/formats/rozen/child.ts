/**
 * Another process at work on a repository: `child.ts backup STORE DIRECTORY` or `child.ts restore STORE DIRECTORY`. The repository is made
 * when there is none. Prints "ready" when it starts, and what it did as JSON.
 */
import process from "node:process"
import { Effect, Layer } from "effect"
import { localSource } from "../../../adapters/files/source.ts"
import { localTarget } from "../../../adapters/files/target.ts"
import { localStore } from "../../../adapters/store/local/local.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
import { ObjectStore } from "../../../stages/pack/store.ts"
import { Source } from "../../../stages/walk/source.ts"
import { write } from "../../../stages/walk/write.ts"
import { runFormat } from "../../suites/format.ts"
import { options, secrets } from "./harness.ts"

/** Small packs, so that a run that is killed has finished some. */
const format = makeRozen({
  packBytes: 1 << 20,
  blockBytes: 256 << 10,
  average: 64 << 10,
  scrypt: { n: 1024, r: 8, p: 1 },
})

const [what, repositoryPath, directory] = process.argv.slice(2) as [string, string, string]

const main = Effect.gen(function* () {
  const store = yield* localStore.make(repositoryPath, { create: true })
  const source = yield* Source
  process.stdout.write("ready\n")
  const result = yield* Effect.gen(function* () {
    const repository = yield* (yield* format.recognise) ? format.open(secrets) : format.create(secrets)
    if (what === "backup") {
      const { problems, ...summary } = yield* repository.backup(source.entries(directory, {}), options)
      return { problems, chunksReused: summary.chunksReused, chunksNew: summary.chunksNew, files: summary.files }
    }
    const snapshots = yield* repository.snapshots
    return yield* repository.entries(snapshots.at(-1)!).pipe(write(directory, { owner: false }))
  }).pipe(Effect.provideService(ObjectStore, store))
  process.stdout.write(`${JSON.stringify(result)}\n`)
}).pipe(Effect.provide(Layer.merge(localSource.layer, localTarget.layer)))

await runFormat(main)

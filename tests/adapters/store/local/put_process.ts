/**
 * A process that writes to a local store. `DIRECTORY fill` puts objects of 2 MiB until it is killed, and prints the
 * name of each completed one. `DIRECTORY race ID` waits for a line on stdin, puts 200 names, and prints those that it
 * won.
 */
import process from "node:process"
import { Effect } from "effect"
import { localStore } from "../../../../adapters/store/local/local.ts"

const [directory, mode, id] = process.argv.slice(2)
const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** The content of the object `number` that `fill` writes. Each byte depends on the number. */
const content = (number: number): Uint8Array => new Uint8Array(2 << 20).fill(number % 251)

const fill = Effect.gen(function* () {
  const store = yield* localStore.make(directory!)
  let number = 0
  const forever = Effect.forever(Effect.suspend(() => {
    const name = `DATA/${number % 7}/${number}`
    const bytes = content(number++)
    return Effect.tap(store.put(name, [bytes]), () => Effect.sync(() => print(name)))
  }))
  yield* Effect.all([forever, forever, forever, forever], { concurrency: "unbounded" })
})

const race = Effect.gen(function* () {
  const store = yield* localStore.make(directory!)
  print("ready")
  yield* Effect.promise(() => new Promise((resolve) => process.stdin.once("data", resolve)))
  for (let i = 0; i < 200; i++) {
    const won = yield* Effect.match(store.put(`race/${i}`, [new TextEncoder().encode(id)]), {
      onSuccess: () => true,
      onFailure: (error) => {
        if (error.reason !== "exists") throw error
        return false
      },
    })
    if (won) print(`race/${i}`)
  }
  process.stdin.destroy()
})

await Effect.runPromise(mode === "fill" ? fill : race)

/** The commands of tests: as they are, with formats whose keys cost little, with a fake format, on a remote store. */
import { env } from "node:process"
import { Effect, Stream } from "effect"
import { localStore } from "../../../adapters/store/local/local.ts"
import { openStore } from "../../../adapters/store/open/open.ts"
import { surround } from "../../../adapters/store/open/surround.ts"
import { backupCommand } from "../../../cli/arguments/backup.ts"
import { restoreCommand } from "../../../cli/arguments/restore.ts"
import { penstock } from "../../../cli/penstock.ts"
import type { StoreOpener } from "../../../cli/repository/store.ts"
import type { RunOptions } from "../../../cli/run.ts"
import { type ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { fake } from "./fake_format.ts"
import { quickFormats } from "./quick_formats.ts"

/** What to run for some arguments. It reads the environment as it is now. */
export type Program = (args: ReadonlyArray<string>) => RunOptions

/** `penstock`. */
export const main: Program = (args) => ({ command: penstock, args })

/** `penstock` with {@link quickFormats}. */
export const quick: Program = (args) => ({ command: penstock, args, formats: quickFormats })

/** A command with the fake format. The first argument says which: `penstock`, `backup.ts` or `restore.ts`. */
export const fakeFormat: Program = ([name, ...args]) => ({
  command: (exit, formats) =>
    name === "backup.ts"
      ? backupCommand(name, name, true, exit, formats)
      : name === "restore.ts"
      ? restoreCommand(name, name, exit)
      : penstock(exit, formats),
  args,
  formats: [{ name: "rozen", secrets: ["password"], load: () => Promise.resolve(fake) }],
})

/**
 * {@link quick} with a remote store: `far:PATH` is a directory. Its first `FAR_FAILS` answers are `unavailable`, and
 * each asks to wait `FAR_RETRY_AFTER` milliseconds. Every store is tried for `FAR_WITHIN` milliseconds.
 */
export const remote: Program = (args) => {
  let fails = Number(env["FAR_FAILS"] ?? 0)
  const retryAfter = Number(env["FAR_RETRY_AFTER"] ?? 0)
  const within = env["FAR_WITHIN"] === undefined ? undefined : Number(env["FAR_WITHIN"])

  const answer = <A>(name: string, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    Effect.suspend(() =>
      fails-- > 0
        ? Effect.fail(
          new StoreError({
            reason: "unavailable",
            object: name,
            message: `Cannot reach far: the line is dead`,
            retryAfter,
          }),
        )
        : effect
    )
  const far = (inner: ObjectStore): ObjectStore => ({
    ...inner,
    properties: { ...inner.properties, location: `far:${inner.properties.location}`, remote: true, appends: false },
    put: (name, parts, how) => answer(name, inner.put(name, parts, how)),
    get: (name, range) => answer(name, inner.get(name, range)),
    stat: (name) => answer(name, inner.stat(name)),
    list: (directory) => Stream.unwrap(answer(directory, Effect.sync(() => inner.list(directory)))),
  })
  const stores: StoreOpener = (location, options) =>
    location.startsWith("far:")
      ? surround(Effect.map(localStore.make(location.slice(4), options), far), {
        ...options,
        retry: { ...options.retry, base: 10, within: within ?? 30_000 },
      })
      : openStore(location, { ...options, retry: { ...options.retry, ...(within === undefined ? {} : { within }) } })
  return { ...quick(args), stores }
}

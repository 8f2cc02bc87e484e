/**
 * `penstock` with a remote store: `far:PATH` is a directory. Its first `FAR_FAILS` answers are `unavailable`, and each
 * asks to wait `FAR_RETRY_AFTER` milliseconds. Every store is tried for `FAR_WITHIN` milliseconds. The formats are
 * {@link quickFormats}.
 */
import { argv, env } from "node:process"
import { Effect, Stream } from "effect"
import { openStore } from "../../../adapters/store/open/open.ts"
import { localStore } from "../../../adapters/store/local/local.ts"
import { surround } from "../../../adapters/store/open/surround.ts"
import { penstock } from "../../../cli/penstock.ts"
import { run } from "../../../cli/run.ts"
import type { StoreOpener } from "../../../cli/repository/store.ts"
import { type ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { quickFormats } from "./quick_formats.ts"

let fails = Number(env["FAR_FAILS"] ?? 0)
const retryAfter = Number(env["FAR_RETRY_AFTER"] ?? 0)

const far = (inner: ObjectStore): ObjectStore => {
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
  return {
    ...inner,
    properties: { ...inner.properties, location: `far:${inner.properties.location}`, remote: true, appends: false },
    put: (name, parts, how) => answer(name, inner.put(name, parts, how)),
    get: (name, range) => answer(name, inner.get(name, range)),
    stat: (name) => answer(name, inner.stat(name)),
    list: (directory) => Stream.unwrap(answer(directory, Effect.sync(() => inner.list(directory)))),
  }
}

const stores: StoreOpener = (location, options) =>
  location.startsWith("far:")
    ? surround(Effect.map(localStore.make(location.slice(4), options), far), {
      ...options,
      retry: { ...options.retry, base: 10, within: Number(env["FAR_WITHIN"] ?? 30_000) },
    })
    : openStore(location, {
      ...options,
      retry: { ...options.retry, ...(env["FAR_WITHIN"] === undefined ? {} : { within: Number(env["FAR_WITHIN"]) }) },
    })

await run({ command: penstock, args: argv.slice(2), formats: quickFormats, stores })

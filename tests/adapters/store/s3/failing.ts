/** Stores on a scripted server: operations that fail, and secrets that no message may contain. */
import assert from "node:assert/strict"
import { Cause, Effect, Exit, type Scope } from "effect"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { type Answer, KEYS, openScripted, type Scripted, scripted } from "./scripted.ts"

/** Runs an effect, and closes its scope. */
export const runScoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect as Effect.Effect<A, never, Scope.Scope>))
export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** All text of a failure: its message, its fields, and the output of `--debug`. */
export const shownBy = (error: StoreError): string =>
  [error.message, JSON.stringify(error), String(error), Cause.pretty(Cause.fail(error)), String(error.cause)].join("\n")

/** Fails if a text contains a key, a token or a signature of the requests that the server got. */
export const keepsSecrets = (server: Scripted, shown: string): void => {
  const signatures = server.seen.map(({ headers }) =>
    /Signature=([0-9a-f]{64})/.exec(String(headers.authorization))?.[1]
  )
  assert.ok(signatures.length > 0 && signatures.every((one) => one !== undefined), "a request was not signed")
  for (const secret of [KEYS.AWS_SECRET_ACCESS_KEY, KEYS.AWS_SESSION_TOKEN, ...signatures]) {
    assert.ok(!shown.includes(secret!), `${shown} shows a secret`)
  }
}

/** Runs one operation against one answer, and gives its error. */
export const failing = <A>(
  answer: Answer | ReadonlyArray<Answer>,
  operation: (store: ObjectStore) => Effect.Effect<A, StoreError>,
  silence?: number,
): Effect.Effect<StoreError, StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* scripted
    const store = yield* openScripted(server, silence === undefined ? {} : { silence })
    server.answer(...(Array.isArray(answer) ? answer : [answer]))
    const exit = yield* Effect.exit(operation(store))
    assert.ok(Exit.isFailure(exit), "it succeeded")
    const error = yield* Effect.flip(exit).pipe(
      Effect.catch(() => Effect.die("it succeeded")),
    )
    keepsSecrets(server, `${shownBy(error)}\n${Cause.pretty(exit.cause)}\n${JSON.stringify(store.properties)}`)
    assert.ok(!error.message.endsWith(".") && !error.message.includes("\n"), error.message)
    return error
  })

export const get = (store: ObjectStore): Effect.Effect<Uint8Array, StoreError> => store.get("x", { atMost: Infinity })
export const put = (store: ObjectStore): Effect.Effect<void, StoreError> =>
  store.put("x", [text("hello")], { unique: true })

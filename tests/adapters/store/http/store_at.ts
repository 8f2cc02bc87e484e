/** A store on a scripted server, and its errors. */
import assert from "node:assert/strict"
import { Effect, Redacted, type Scope } from "effect"
import type { Login } from "../../../../adapters/store/http/address.ts"
import { httpStore } from "../../../../adapters/store/http/http.ts"
import { retry } from "../../../../adapters/store/retry/retry.ts"
import { webdavStore } from "../../../../adapters/store/webdav/webdav.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { type Scripted, scripted } from "./scripted.ts"

export const SECRET = "pass-w0rd"
export const login: Login = { user: "somebody", password: Redacted.make(SECRET) }
export const content: Uint8Array = Uint8Array.from({ length: 100_000 }, (_, i) => i * 31 + (i >> 8))

/** Runs a test with a new scripted server. */
export const withServer = (body: (server: Scripted) => Effect.Effect<void, StoreError, Scope.Scope>): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(scripted, body)))
/** The read-only store on a server. */
export const openAt = (server: Scripted, idle = 60_000): Effect.Effect<ObjectStore, StoreError> =>
  httpStore.make(`${server.url}/repo`, { login, idle })
/** The same store with quick retries. */
export const patient = (store: ObjectStore): ObjectStore => retry(store, { base: "1 millis", longest: "5 millis" })

/** The error of an effect. Its message is one sentence without secrets. */
export const failure = <A, R>(effect: Effect.Effect<A, StoreError, R>): Effect.Effect<StoreError, never, R> =>
  effect.pipe(
    Effect.flip,
    Effect.catch(() => Effect.die(new Error("it succeeded"))),
    Effect.tap((error) =>
      Effect.sync(() => {
        const all = `${error.message} ${JSON.stringify(error)} ${String(error.cause)}`
        for (const secret of [SECRET, "Basic", btoa(`somebody:${SECRET}`), "signature"]) {
          assert.ok(!all.includes(secret), `"${all}" has a secret in it`)
        }
        assert.match(error.message, /^[A-Z"].*[^.\n]$/)
      })
    ),
  )

/** A listing in XML. */
export const multistatus = (inside: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><d:multistatus xmlns:d="DAV:">${inside}</d:multistatus>`
/** A collection in such a listing. */
export const collection = (href: string): string =>
  `<d:response><d:href>${href}</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>` +
  `<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`

/** The WebDAV store on a server. */
export const openDav = (server: Scripted, idle = 60_000): Effect.Effect<ObjectStore, StoreError> => {
  server.answer((_, response) => response.writeHead(207).end(multistatus(collection("/repo/"))))
  return webdavStore.make(`webdav+${server.url}/repo`, { login, idle })
}

/** The collections (WebDAV's directories) that objects lie in. They are made when they are needed. */
import * as Effect from "effect/Effect"
import { type HttpOptions, send } from "../http/request.ts"
import { httpStatusOf } from "../http/status.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { propfind } from "./propfind.ts"

/** The collections of one store. */
export interface Collections {
  /**
   * Makes the collection that `name` lies in, then runs `work`. A collection that was found once is not looked for
   * again. If `work` then fails because the collection is missing, that is made again and `work` runs a second time.
   */
  readonly around: <A>(name: string, work: Effect.Effect<A, StoreError>) => Effect.Effect<A, StoreError>
}

/**
 * Makes a collection. Gives false if it exists already. Of several writers that make it at the same time, exactly one
 * gets true.
 *
 * Apache answers 403 to a user without the right, and also to the loser of such a race. So after a 403 this looks
 * whether the collection exists. If it does not, another writer may have removed it meanwhile, and this tries again.
 */
export const makeCollection: (
  http: HttpOptions,
  url: URL,
  name: string,
  tries?: number,
) => Effect.Effect<boolean, StoreError> = Effect.fnUntraced(function* (http, url, name, tries = 4) {
  const subject = { doing: "write", name }
  const made = Effect.map(
    send(http, { ...subject, method: "MKCOL", url, expect: [201, 405] }),
    ({ status }) => status === 201,
  )
  return yield* Effect.catch(made, (forbidden) => {
    if (httpStatusOf(forbidden) !== 403) return Effect.fail(forbidden)
    return propfind(http, url, 0, subject).pipe(
      Effect.as(false),
      Effect.catch((second) => {
        if (second.reason === "not-found" && tries > 1) return makeCollection(http, url, name, tries - 1)
        // If the server went away meanwhile, the 403 may have been the loss of a race.
        return Effect.fail(second.reason === "unavailable" ? second : forbidden)
      }),
    )
  })
})

/** Makes the collection of a store, and those above it that are missing. */
export const makeRoot = (http: HttpOptions, url: URL): Effect.Effect<unknown, StoreError> =>
  Effect.catch(makeCollection(http, url, ""), (error) => {
    const above = new URL("..", url)
    return httpStatusOf(error) === 409 && above.pathname !== url.pathname
      ? Effect.andThen(makeRoot(http, above), makeCollection(http, url, ""))
      : Effect.fail(error)
  })

/** The collections of the store at `root`, which ends with a slash. */
export const collectionsOf = (http: HttpOptions, root: URL): Collections => {
  const known = new Set<string>([""])
  const ensure = (directory: string, name: string): Effect.Effect<void, StoreError> =>
    Effect.suspend(() => {
      if (known.has(directory)) return Effect.void
      return ensure(directory.replace(/[^/]+\/$/, ""), name).pipe(
        Effect.andThen(makeCollection(http, new URL(root.href + directory), name)),
        Effect.andThen(Effect.sync(() => {
          known.add(directory)
        })),
      )
    })
  return {
    around: (name, work) => {
      const directory = name.replace(/[^/]+$/, "")
      return Effect.suspend(() => {
        const wasKnown = known.has(directory)
        const done = Effect.andThen(ensure(directory, name), work)
        return Effect.catch(done, (error) => {
          if (error.reason === "exists") return Effect.fail(error)
          // After any other failure nothing is taken for granted.
          known.clear()
          known.add("")
          return wasKnown && isMissing(error) ? Effect.andThen(ensure(directory, name), work) : Effect.fail(error)
        })
      })
    },
  }
}

/** Whether a collection may be missing: 404, and 409 as RFC 4918 asks for. */
const isMissing = (error: StoreError): boolean => error.reason === "not-found" || httpStatusOf(error) === 409

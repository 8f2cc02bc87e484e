/** Collections (the directories of WebDAV) that objects lie in: made when they are needed. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../stages/store/store.ts"
import { type HttpOptions, send } from "../http/request.ts"
import { propfind } from "./propfind.ts"

/** Collections of one store. */
export interface Collections {
  /**
   * Runs `work` when the collection that `name` lies in is there. Collections that were seen once are not looked for
   * again; should `work` then find one missing, it is run a second time.
   */
  readonly around: <A>(name: string, work: Effect.Effect<A, StoreError>) => Effect.Effect<A, StoreError>
}

/**
 * Makes one. Succeeds when it is there already: false then. Of several that make it at the same time, exactly one gets
 * true.
 *
 * Apache says 403 both to who is not allowed to and to who loses such a race; so then it is looked for, and tried again
 * in case that another has removed it meanwhile.
 */
export const makeCollection: (
  http: HttpOptions,
  url: URL,
  name: string,
  tries?: number,
) => Effect.Effect<boolean, StoreError> = Effect.fnUntraced(function* (http, url, name, tries = 4) {
  const subject = { doing: "write", name }
  const made = send(http, { ...subject, method: "MKCOL", url, expect: [201, 405] })
  const { status } = yield* Effect.catch(
    made,
    (error) =>
      error.message.endsWith("(HTTP status 403)")
        ? propfind(http, url, 0, subject).pipe(
          Effect.as({ status: 405 }),
          Effect.catch((second) =>
            second.reason === "not-found" && tries > 1 ? Effect.succeed({ status: 403 }) : Effect.fail(error)
          ),
        )
        : Effect.fail(error),
  )
  return status === 403 ? yield* makeCollection(http, url, name, tries - 1) : status === 201
})

/** The collections of the store at a URL, which ends with a slash. */
export const collectionsOf = (http: HttpOptions, root: URL): Collections => {
  const there = new Set<string>([""])
  const make = (directory: string, name: string): Effect.Effect<void, StoreError> =>
    Effect.suspend(() => {
      if (there.has(directory)) return Effect.void
      return make(directory.replace(/[^/]+\/$/, ""), name).pipe(
        Effect.andThen(makeCollection(http, new URL(root.href + directory), name)),
        Effect.andThen(Effect.sync(() => {
          there.add(directory)
        })),
      )
    })
  return {
    around: (name, work) => {
      const directory = name.replace(/[^/]+$/, "")
      return Effect.suspend(() => {
        const known = there.has(directory)
        const done = Effect.andThen(make(directory, name), work)
        return Effect.catch(done, (error) => {
          if (error.reason === "exists") return Effect.fail(error)
          // What fails for any other reason finds them missing again, or not.
          there.clear()
          there.add("")
          return known && isMissing(error) ? Effect.andThen(make(directory, name), work) : Effect.fail(error)
        })
      })
    },
  }
}

/** 404 and 409: RFC 4918 asks for 409 when the collection is missing. */
const isMissing = ({ message, reason }: StoreError): boolean =>
  reason === "not-found" || message.endsWith("(HTTP status 409)")

/** Removes objects and collections. */
import * as Effect from "effect/Effect"
import { hasObject } from "../http/read_object.ts"
import { type HttpOptions, send } from "../http/request.ts"
import { httpStatusOf } from "../http/status.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { objectUrl } from "./names.ts"
import { propfind } from "./propfind.ts"

/** Removes what is at a URL. A collection goes with all that is in it. Succeeds if there is nothing. */
export const deleteUrl = (http: HttpOptions, url: URL, name: string): Effect.Effect<void, StoreError> =>
  Effect.asVoid(send(http, { doing: "remove", name, method: "DELETE", url, expect: [200, 204, 404] }))

/** Removes an object. Does nothing if there is none, or a collection of that name. */
export const removeObject = (http: HttpOptions, root: URL, name: string): Effect.Effect<void, StoreError> => {
  const url = objectUrl(root, name)
  // DELETE of a collection would remove all that is in it.
  return propfind(http, url, 0, { doing: "remove", name }).pipe(
    Effect.flatMap(({ resources }) =>
      resources.some(({ collection }) => collection) ? Effect.void : deleteUrl(http, url, name)
    ),
    Effect.catch((error) => {
      if (error.reason === "not-found") return Effect.void
      if (!isAbsence(error)) return Effect.fail(error)
      return Effect.flatMap(hasObject(http, url, name), (there) => there ? Effect.fail(error) : Effect.void)
    }),
  )
}

/** Whether an error can mean that there is nothing of that name: Apache says 400 for a name beneath an object. */
export const isAbsence = (error: StoreError): boolean => error.reason === "not-found" || httpStatusOf(error) === 400

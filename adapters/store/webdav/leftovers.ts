/** What writers that were killed left in `tmp/`. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../stages/store/store.ts"
import { type HttpOptions, send } from "../http/request.ts"
import { TEMPORARY } from "../../../stages/store/name.ts"
import { CLAIMS, removeCollection } from "./claim.ts"
import { propfind } from "./propfind.ts"

/** What is older than this, by the server's clock, belongs to no writer any more, in milliseconds. */
export const LEFT_MS: number = 24 * 60 * 60 * 1000

/** Removes temporary objects and claims that are left. What cannot be removed stays. */
export const removeLeftovers = (http: HttpOptions, root: URL, olderThan: number = LEFT_MS): Effect.Effect<void> =>
  Effect.forEach([`${TEMPORARY}/`, CLAIMS], (directory) => Effect.ignore(removeIn(http, root, directory, olderThan)), {
    discard: true,
  })

const removeIn = Effect.fnUntraced(function* (
  http: HttpOptions,
  root: URL,
  directory: string,
  olderThan: number,
): Effect.fn.Return<void, StoreError> {
  const { now, resources } = yield* propfind(http, new URL(root.href + directory), 1, {
    doing: "list",
    name: directory,
  })
  if (now === undefined) return
  const left = resources.filter(({ collection, modified, path }) =>
    path.length === 1 && collection === (directory === CLAIMS) && modified !== undefined && now - modified > olderThan
  )
  yield* Effect.forEach(left, ({ path }) => {
    const url = new URL(root.href + directory + encodeURIComponent(path[0]!))
    return directory === CLAIMS
      ? removeCollection(http, new URL(`${url.href}/`), directory)
      : send(http, { doing: "remove", name: directory, method: "DELETE", url, expect: [200, 204, 404] })
  }, { concurrency: 4, discard: true })
})

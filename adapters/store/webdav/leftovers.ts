/** Removes what killed writers left in `tmp/`. */
import * as Effect from "effect/Effect"
import { STALE_MS, TEMPORARY } from "../../../stages/store/name.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import type { HttpOptions } from "../http/request.ts"
import { CLAIMS } from "./claim.ts"
import { deleteUrl } from "./delete.ts"
import { propfind } from "./propfind.ts"

/**
 * Removes temporary objects and claims that are older than `olderThan` milliseconds by the server's clock. Failures are
 * ignored.
 */
export const removeLeftovers = (http: HttpOptions, root: URL, olderThan: number = STALE_MS): Effect.Effect<void> =>
  Effect.forEach([`${TEMPORARY}/`, CLAIMS], (directory) => Effect.ignore(removeIn(http, root, directory, olderThan)), {
    discard: true,
  })

const removeIn = Effect.fnUntraced(function* (
  http: HttpOptions,
  root: URL,
  directory: string,
  olderThan: number,
): Effect.fn.Return<void, StoreError> {
  const url = new URL(root.href + directory)
  const { now, resources } = yield* propfind(http, url, 1, { doing: "list", name: directory })
  if (now === undefined) return
  const areCollections = directory === CLAIMS
  const left = resources.filter(({ collection, modified, path }) =>
    path.length === 1 && collection === areCollections && modified !== undefined && now - modified > olderThan
  )
  yield* Effect.forEach(
    left,
    ({ path }) =>
      deleteUrl(http, new URL(`${url.href}${encodeURIComponent(path[0]!)}${areCollections ? "/" : ""}`), directory),
    { concurrency: 4, discard: true },
  )
})

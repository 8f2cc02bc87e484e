/** The rows of a database as a stream. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../../kernel/catching.ts"
import { SqliteError } from "./sqlite.ts"

/** How many elements each array of the stream has. */
const PAGE = 512

/**
 * A stream of the elements of a synchronous iterator, 512 at a time. Fails when the iterator throws a
 * {@link SqliteError}.
 */
export const paged = <A>(start: () => Iterator<A>): Stream.Stream<A, SqliteError> =>
  Stream.unwrap(
    Effect.map(catching(SqliteError, start), (all) =>
      Stream.paginate(undefined, () =>
        catching(SqliteError, () => {
          const page: Array<A> = []
          while (page.length < PAGE) {
            const { done, value } = all.next()
            if (done === true) return [page, Option.none<undefined>()] as const
            page.push(value)
          }
          return [page, Option.some(undefined)] as const
        }))),
  )

/** What a database gives row by row, as a stream. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../../kernel/catching.ts"
import { SqliteError } from "./sqlite.ts"

/** Elements of one array of the stream. */
const PAGE = 512

/**
 * A stream of what a synchronous iterator gives, some hundred at a time. What it throws of {@link SqliteError} fails
 * the stream.
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

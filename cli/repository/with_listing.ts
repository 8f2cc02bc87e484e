/** Opens a repository to look at its snapshots, as most commands do that read. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Repository } from "../../formats/repository.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import type { CommonInput, FilterInput } from "../arguments/inputs.ts"
import { makeOutput, type Output } from "../output/output.ts"
import { makeTraffic, type Traffic } from "../output/traffic.ts"
import { filterOf, type Listing, listSnapshots, type SnapshotFilter } from "../selection/snapshots.ts"
import { admitFilter, type FilterNeeds } from "./admit.ts"
import { withRepository } from "./open.ts"
import type { OpenError } from "./open_mode.ts"

/** A repository that is open, and what a command needs to look at its snapshots. */
export interface Listed {
  readonly repository: Repository
  readonly listing: Listing
  /** What `--host`, `--path` and `--tag` choose. It is not applied yet. */
  readonly filter: SnapshotFilter
  readonly out: Output
  readonly traffic: Traffic
}

/**
 * Opens the repository that the options name, lists its snapshots, and runs `use`. `needs`: other options that need
 * facts of snapshots, see {@link admitFilter}.
 */
export const withListing: <A, E>(
  input: CommonInput & FilterInput,
  use: (listed: Listed) => Effect.Effect<A, E, SqliteEngine | Scope.Scope>,
  needs?: FilterNeeds,
) => Effect.Effect<A, E | OpenError> = Effect.fnUntraced(function* (input, use, needs) {
  const out = makeOutput(input)
  const traffic = makeTraffic()
  const filter = yield* filterOf(input)
  return yield* withRepository(
    input,
    "open",
    { traffic, admit: admitFilter(input, needs) },
    (repository) =>
      Effect.flatMap(listSnapshots(repository), (listing) => use({ repository, listing, filter, out, traffic })),
  )
})

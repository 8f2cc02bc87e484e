/** What the objects of a repository say, for those who look for an error. */
import type * as Effect from "effect/Effect"
import type { FormatError } from "./error.ts"

/** Named values, ready for JSON. None is a secret. */
export type Facts = Readonly<Record<string, unknown>>

/** What is known of packs. */
export interface PackFacts {
  /** One for each pack. */
  readonly packs: ReadonlyArray<Facts>
  /** What is wrong with packs and indexes, one sentence each. */
  readonly problems: ReadonlyArray<string>
}

/** Shows what is stored, in the words of the format. Fails with `corrupt` where that is damaged. */
export interface Inspection {
  /** What the object says that names the repository. */
  readonly config: Effect.Effect<Facts, FormatError>
  /** What is stored of the snapshot with this whole ID, beside its entries. */
  readonly snapshot: (id: string) => Effect.Effect<Facts, FormatError>
  /** The packs that the indexes list, and those that no index lists. */
  readonly packs: Effect.Effect<PackFacts, FormatError>
}

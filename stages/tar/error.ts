/** What can be wrong with a tar archive. */
import { taggedError, type TaggedErrorInstance } from "../kernel/tagged_error.ts"

/** Fields of a `TarError`. */
export interface TarErrorFields {
  /** `foreign`: not a tar archive. `truncated`: it ends too early. `corrupt`: a header says what cannot be. */
  readonly reason: "foreign" | "truncated" | "corrupt"
  readonly message: string
}
/** A tar archive cannot be read. */
export interface TarError extends TaggedErrorInstance<"TarError", TarErrorFields> {}
/** Makes {@linkcode TarError}s. */
export const TarError: new (fields: TarErrorFields) => TarError = taggedError("TarError")

/** A {@link TarError} about a header. */
export const corrupt = (message: string): TarError => new TarError({ reason: "corrupt", message })

/** Errors of tar archives. */
import { taggedError, type TaggedErrorInstance } from "../kernel/tagged_error.ts"

/** Fields of a `TarError`. */
export interface TarErrorFields {
  /** `foreign`: this is not a tar archive. `truncated`: it ends too early. `corrupt`: a header is damaged. */
  readonly reason: "foreign" | "truncated" | "corrupt"
  /** One sentence that names the archive or the member. */
  readonly message: string
}
/** A tar archive cannot be read. */
export interface TarError extends TaggedErrorInstance<"TarError", TarErrorFields> {}
/** Makes {@linkcode TarError}s. */
export const TarError: new (fields: TarErrorFields) => TarError = taggedError("TarError")

/** The {@link TarError} of a damaged header. The message is a clause that is put behind the place of the header. */
export const corrupt = (message: string): TarError => new TarError({ reason: "corrupt", message })

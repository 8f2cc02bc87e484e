/** What can be wrong with a tar archive. */
import { taggedError, type TaggedErrorClass } from "../kernel/catching.ts"

interface TarErrorFields {
  /** `foreign`: not a tar archive. `truncated`: it ends too early. `corrupt`: a header says what cannot be. */
  readonly reason: "foreign" | "truncated" | "corrupt"
  readonly message: string
}
const TarErrorBase: TaggedErrorClass<"TarError", TarErrorFields> = taggedError("TarError")
/** A tar archive cannot be read. */
export class TarError extends TarErrorBase {}

/** A {@link TarError} about a header. */
export const corrupt = (message: string): TarError => new TarError({ reason: "corrupt", message })

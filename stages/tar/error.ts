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
/**
 * Makes {@linkcode TarError}s.
 *
 * @example Handle an archive that is cut off
 * ```ts
 * import assert from "node:assert"
 * import { readTar, TarError, tarInMemory } from "@penstock/penstock"
 * import { sqliteEngine } from "@penstock/penstock/adapters"
 * import { Effect, Stream } from "effect"
 *
 * const entries = Stream.runCollect(readTar(tarInMemory(new Uint8Array(0))))
 * const error = await Effect.runPromise(Effect.flip(Effect.provide(Effect.scoped(entries), sqliteEngine)))
 * assert.ok(error instanceof TarError && error.reason === "foreign")
 * ```
 */
export const TarError: new (fields: TarErrorFields) => TarError = taggedError("TarError")

/** The {@link TarError} of a damaged header. The message is a clause that is put behind the place of the header. */
export const corrupt = (message: string): TarError => new TarError({ reason: "corrupt", message })

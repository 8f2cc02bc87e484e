/** JSON that a format stores. */
import * as Schema from "effect/Schema"

/** Decodes JSON by a schema. Throws when the bytes are not UTF-8, not JSON, or not what the schema says. */
export const fromJson = <A>(schema: Schema.Codec<A, unknown>, bytes: Uint8Array): A =>
  Schema.decodeUnknownSync(schema)(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)))

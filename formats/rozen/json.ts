/** JSON in its one canonical form, so that no byte of it can be changed unnoticed. SPEC.md, "JSON objects". */
import * as Schema from "effect/Schema"
import { fromJson } from "../json.ts"
import { corrupt } from "./errors.ts"

/** Encodes a value: members in their order, no white space, a newline at the end, UTF-8. */
export const encodeJson = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/**
 * Decodes the JSON of an object. Throws RepositoryError `corrupt` unless the bytes are exactly those that `encodeJson`
 * makes of the result.
 */
export const decodeJson = <A>(object: string, schema: Schema.Codec<A, unknown>, bytes: Uint8Array): A => {
  let value: A
  try {
    value = fromJson(schema, bytes)
  } catch {
    throw corrupt(object, `${object} is damaged: it is not what Penstock writes`)
  }
  const canonical = encodeJson(Schema.encodeSync(schema)(value))
  if (canonical.length !== bytes.length || canonical.some((byte, i) => byte !== bytes[i])) {
    throw corrupt(object, `${object} was altered`)
  }
  return value
}

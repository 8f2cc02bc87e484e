/** JSON objects of a repository: UTF-8, canonical, so that not one byte can change unseen. */
import * as Schema from "effect/Schema"
import { fromJson } from "../json.ts"
import { corrupt } from "./errors.ts"

/** As it is stored: members in the order of the schema, no white space, a newline at the end. */
export const encodeJson = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/**
 * Parses and checks. Throws RepositoryError `corrupt` unless the bytes are exactly what `encodeJson` makes of the
 * result.
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

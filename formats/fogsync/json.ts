/** JSON with integers beyond 2^53, which are exact. SPEC.md, "Listings in JSON". */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** Matches strings, which stay as they are, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/gs
const INTEGER = /^-?[1-9]\d*$/

/**
 * As JSON.parse, but an integer that a number cannot hold exactly becomes a string of its digits. Throws SyntaxError.
 */
export const parseExact = (text: string): unknown =>
  JSON.parse(
    text.replace(TOKENS, (token) =>
      token.length > 15 && INTEGER.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token),
  )

/** As JSON.stringify without spaces, for one object. A bigint becomes a number. */
export const stringifyExact = (value: Readonly<Record<string, unknown>>): string =>
  `{${
    Object.entries(value).filter(([, member]) => member !== undefined).map(([name, member]) =>
      `${JSON.stringify(name)}:${typeof member === "bigint" ? String(member) : JSON.stringify(member)}`
    ).join(",")
  }}`

/** An integer of 64 bits: a number in JSON, or a string of its digits. */
export const Integer: Schema.Codec<bigint, number | string> = Schema.Union([
  Schema.Int,
  Schema.String.check(Schema.isPattern(/^-?\d{1,20}$/)),
]).pipe(Schema.decodeTo(
  Schema.BigInt,
  SchemaTransformation.transform({
    decode: (value: number | string) => BigInt(value),
    encode: (value: bigint): number | string => String(value),
  }),
))

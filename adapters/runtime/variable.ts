/** Environment variables. */
import { env } from "node:process"
import { StoreError } from "../../stages/store/store.ts"

/**
 * The value of a variable; undefined when it is not set. Throws {@link StoreError} `invalid` when the value is not
 * UTF-8. Node and Bun put U+FFFD in the place of each invalid byte, so different passwords would become the same. Deno
 * throws an error that shows the value, which may be a secret.
 */
export const variable = (name: string): string | undefined => {
  let value: string | undefined
  try {
    value = env[name]
  } catch {
    throw notText(name)
  }
  if (value !== undefined && (value.includes("\ufffd") || !value.isWellFormed())) throw notText(name)
  return value
}

const notText = (name: string): StoreError =>
  new StoreError({ reason: "invalid", object: "", message: `The variable ${name} is not text in UTF-8: set it again` })

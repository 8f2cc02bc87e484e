/** Environment variables. */
import { env } from "node:process"
import { StoreError } from "../../stages/store/store.ts"

/**
 * The value of a variable, undefined when it is not set. Throws {@link StoreError} `invalid` when it is not text: Node
 * and Bun put U+FFFD for each byte that is not UTF-8, so that different passwords become one, and what Deno throws
 * shows the value.
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

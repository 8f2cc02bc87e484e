/** The URL of a store on a web server, with the user and password for it. */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { catching } from "../../../stages/kernel/catching.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { variable } from "../../runtime/variable.ts"

/** A user of a server. */
export interface Login {
  /** Name of the user. */
  readonly user: string
  /** The user's password. */
  readonly password: Redacted.Redacted<string>
}

/** Where a store is, and the header that opens it. */
export interface Address {
  /** Ends with a slash; without user, password, query and fragment. */
  readonly url: URL
  /** Value of the header `Authorization`. Absent if there is no user. */
  readonly authorization?: Redacted.Redacted<string>
}

/** How to read a location. */
export interface AddressOptions {
  /** What the names of the variables begin with: `PENSTOCK_HTTP_` for `PENSTOCK_HTTP_USER` and `…PASSWORD`. */
  readonly variables: string
  /** Whether a password may cross a network unencrypted. */
  readonly unencrypted: boolean
  /** Used instead of the user of the URL and the variables. */
  readonly login: Login | undefined
}

const invalid = (message: string): StoreError => new StoreError({ reason: "invalid", object: "", message })
const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host)

/**
 * Reads a location, a URL with `https:` or `http:`. The user comes from `login`, else from the URL, else from the
 * variable. The password comes from `login`, else from the variable; it is not used without a user. Fails with
 * `invalid` for a URL that holds a password, and for a password that would cross a network unencrypted.
 */
export const readAddress = (location: string, options: AddressOptions): Effect.Effect<Address, StoreError> =>
  catching(StoreError, () => addressOf(location, options))

const addressOf = (location: string, { login, unencrypted, variables }: AddressOptions): Address => {
  if (!/^https?:\/\//i.test(location) || !URL.canParse(location)) {
    throw invalid("The repository is not a URL that can be used: write https://host/path")
  }
  const url = new URL(location)
  const shown = `${url.protocol}//${url.host}${url.pathname}`
  if (url.password !== "") {
    throw invalid(`The URL for ${shown} has a password in it: leave it out and set ${variables}PASSWORD`)
  }
  if (url.search !== "" || url.hash !== "") {
    throw invalid(`The URL for ${shown} has a "?" or "#" in it, which a repository cannot have`)
  }
  const user = login?.user ?? (userOf(url) || variable(`${variables}USER`) || "")
  url.username = ""
  if (!url.pathname.endsWith("/")) url.pathname += "/"
  if (user === "") return { url }
  const set = variable(`${variables}PASSWORD`)
  const password = login?.password ?? (set === undefined || set === "" ? undefined : Redacted.make(set))
  if (password === undefined) {
    throw invalid(`There is no password for the user "${user}" of ${shown}: set ${variables}PASSWORD`)
  }
  if (user.includes(":")) throw invalid(`The user name for ${shown} has a colon, which HTTP does not allow`)
  if (url.protocol === "http:" && !unencrypted && !isLoopback(url.hostname)) {
    throw invalid(
      `The password would cross the network in the clear to ${shown}: use https, or webdav+http if that is intended`,
    )
  }
  const token = Buffer.from(`${user}:${Redacted.value(password)}`).toString("base64")
  return { url, authorization: Redacted.make(`Basic ${token}`) }
}

const userOf = (url: URL): string => {
  try {
    return decodeURIComponent(url.username)
  } catch {
    return url.username
  }
}

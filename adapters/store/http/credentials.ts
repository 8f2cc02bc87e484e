/** The URL of a store and the user and password for it. */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { catching } from "../../../stages/kernel/catching.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { variable } from "../../runtime/variable.ts"

/** A user of a server. */
export interface Login {
  readonly user: string
  readonly password: Redacted.Redacted<string>
}

/** Where a store is, and whom it is opened for. */
export interface Address {
  /** Ends with a slash; without user, password, query and fragment. */
  readonly url: URL
  readonly authorization?: Redacted.Redacted<string>
}

const invalid = (message: string): StoreError => new StoreError({ reason: "invalid", object: "", message })
const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host)

/**
 * Takes a URL (`https:` or `http:`) apart. The user is that of `login`, else of the URL, else of the variable
 * `<variables>USER`; the password that of `login` or of `<variables>PASSWORD`. Without a user no password is used.
 * Fails with `invalid` for a URL with a password, and where one would cross a network in the clear, unless `clear`.
 */
export const addressOf = (
  location: string,
  variables: string,
  clear: boolean,
  login?: Login,
): Effect.Effect<Address, StoreError> =>
  Effect.flatten(catching(StoreError, (): Effect.Effect<Address, StoreError> => {
    if (!/^https?:\/\//i.test(location) || !URL.canParse(location)) {
      return Effect.fail(invalid("The repository is not a URL that can be used: write https://host/path"))
    }
    const url = new URL(location)
    const shown = `${url.protocol}//${url.host}${url.pathname}`
    if (url.password !== "") {
      return Effect.fail(
        invalid(`The URL for ${shown} has a password in it: leave it out and set ${variables}PASSWORD`),
      )
    }
    if (url.search !== "" || url.hash !== "") {
      return Effect.fail(invalid(`The URL for ${shown} has a "?" or "#" in it, which a repository cannot have`))
    }
    const user = login?.user ?? (userOf(url) || variable(`${variables}USER`) || "")
    url.username = ""
    if (!url.pathname.endsWith("/")) url.pathname += "/"
    if (user === "") return Effect.succeed({ url })
    const set = variable(`${variables}PASSWORD`)
    const password = login?.password ?? (set === undefined || set === "" ? undefined : Redacted.make(set))
    if (password === undefined) {
      return Effect.fail(invalid(`There is no password for the user "${user}" of ${shown}: set ${variables}PASSWORD`))
    }
    if (user.includes(":")) {
      return Effect.fail(invalid(`The user name for ${shown} has a colon, which HTTP does not take`))
    }
    if (url.protocol === "http:" && !clear && !isLoopback(url.hostname)) {
      return Effect.fail(
        invalid(
          `The password would cross the network in the clear to ${shown}: use https, or webdav+http if that is meant`,
        ),
      )
    }
    const token = Buffer.from(`${user}:${Redacted.value(password)}`).toString("base64")
    return Effect.succeed({ url, authorization: Redacted.make(`Basic ${token}`) })
  }))

const userOf = (url: URL): string => {
  try {
    return decodeURIComponent(url.username)
  } catch {
    return url.username
  }
}

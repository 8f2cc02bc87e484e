/** Locations of stores on SFTP servers: a URL, or the short form of scp and restic. */
import { StoreError } from "../../../stages/store/store.ts"

/** A location as the user wrote it. Absent parts come from the configuration of ssh. */
export interface SftpLocation {
  readonly user?: string
  /** A host, or an alias of the configuration. IPv6 without brackets. */
  readonly host: string
  readonly port?: number
  /**
   * Absolute, or relative to the directory in which the server starts, which is the user's home. It does not end with
   * `/`.
   */
  readonly path: string
  /** Path of the private key. */
  readonly identity?: string
  /** Path of the file with the keys of hosts, in place of those of ssh. */
  readonly knownHosts?: string
}

const FORMS =
  "write sftp://user@host:port/absolute/path, sftp://user@host/~/path/in/home or sftp:user@host:path/in/home"

const invalid = (message: string): StoreError => new StoreError({ reason: "invalid", object: "", message })

// None of these messages quotes the location, because it may hold a password.
const malformed = (why: string): StoreError => invalid(`The SFTP location ${why}: ${FORMS}`)
const secretRefused = (): StoreError =>
  invalid(
    "The SFTP location has a password in it, where others can see it: leave it out and set PENSTOCK_SFTP_PASSWORD, " +
      "or use a key",
  )

/** Users and hosts without characters that could mean something else to ssh. */
const USER = /^[^\s/:@?#-][^\s/:@?#]*$/
const HOST = /^[A-Za-z0-9_.:%][A-Za-z0-9_.:%-]*$/

/** Reads a location that starts with `sftp:`. The error never quotes it, because it may hold a password. */
export const parseLocation = (location: string): SftpLocation | StoreError => {
  const rest = location.slice("sftp:".length)
  const [place, query] = splitOnce(rest, "?")
  const files = query === undefined ? {} : parseQuery(query)
  if (files instanceof StoreError) return files
  const found = place!.startsWith("//") ? parseUrl(place!.slice(2)) : parseShort(place!)
  if (found instanceof StoreError) return found
  if (!HOST.test(found.host)) return malformed("names no host, or an invalid one")
  if (found.user !== undefined && !USER.test(found.user)) return malformed("has an invalid user")
  if (/[\0\n\r]/.test(found.path)) return malformed("has a path with control characters")
  if (found.path === "") return malformed("has no path")
  return { ...found, path: withoutSlashes(found.path), ...files }
}

const splitOnce = (text: string, at: string): [string, string?] => {
  const index = text.indexOf(at)
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + at.length)]
}

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const parseUrl = (text: string): SftpLocation | StoreError => {
  const slash = text.indexOf("/")
  if (slash < 0) return malformed("has no path")
  const authority = text.slice(0, slash)
  const path = decode(text.slice(slash))
  const at = authority.lastIndexOf("@")
  const userText = at < 0 ? undefined : authority.slice(0, at)
  if (userText?.includes(":")) return secretRefused()
  const user = userText === undefined ? undefined : decode(userText)
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(authority.slice(at + 1))
  if (match === null) return malformed("has no host that can be read")
  if (path === undefined || (userText !== undefined && user === undefined)) return malformed("has a bad %-escape")
  const port = match[3] === undefined ? undefined : Number(match[3])
  if (port !== undefined && (port < 1 || port > 65535)) return malformed("has a port that is not between 1 and 65535")
  return {
    host: match[1] ?? match[2]!,
    // "//" is how restic writes an absolute path; "/~/" is how curl writes the home directory.
    path: path === "/~" || path.startsWith("/~/") ? path.slice(3) || "." : path,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
  }
}

const parseShort = (text: string): SftpLocation | StoreError => {
  if (/^[^@/:]+:[^@/]*@[^/]+:/.test(text)) return secretRefused()
  const match = /^(?:([^@/:]+)@)?(?:\[([^\]]+)\]|([^:/@[\]]+)):(.*)$/s.exec(text)
  if (match === null) return malformed("has no host and path that can be read")
  const [, user, bracketed, plain, path] = match
  return { host: bracketed ?? plain!, path: path!, ...(user === undefined ? {} : { user }) }
}

const parseQuery = (query: string): Pick<SftpLocation, "identity" | "knownHosts"> | StoreError => {
  const files: { identity?: string; knownHosts?: string } = {}
  for (const [key, value] of new URLSearchParams(query)) {
    if (value === "") return malformed("has an option without a value")
    if (key === "identity") files.identity = value
    else if (key === "known-hosts") files.knownHosts = value
    else if (/pass/i.test(key)) return secretRefused()
    else return malformed("has an unknown option (the options are identity and known-hosts)")
  }
  return files
}

const withoutSlashes = (path: string): string => path.replace(/^\/+/, "/").replace(/(?<=.)\/+$/, "")

/** The location for messages, without its options. */
export const describeLocation = ({ user, host, port, path }: SftpLocation): string =>
  `sftp://${user === undefined ? "" : `${user}@`}${host.includes(":") ? `[${host}]` : host}${
    port === undefined ? "" : `:${port}`
  }${path.startsWith("/") ? path : path === "." ? "/~" : `/~/${path}`}`

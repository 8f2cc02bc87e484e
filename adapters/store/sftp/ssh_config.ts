/** Reads the settings of `~/.ssh/config` that say where a host is and how to log in. */
import { readdirSync, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { basename, dirname, join } from "node:path"

/** The settings of one host. */
export interface HostConfig {
  readonly hostName?: string
  readonly user?: string
  readonly port?: number
  readonly identityFiles: ReadonlyArray<string>
  /** Absent if not set. Empty for `none`. */
  readonly knownHostsFiles?: ReadonlyArray<string>
  /** A setting that asks for a way to connect that is not supported (`ProxyJump`). It must not be ignored. */
  readonly unsupported?: string
}

/** A path with `~` replaced by the home directory. */
export const expandHome = (path: string): string =>
  path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path

/**
 * Whether a host matches a pattern of ssh with `*` and `?`, whatever the case. The time is at most the product of the
 * lengths.
 */
export const matchesPattern = (pattern: string, host: string): boolean => {
  const [wanted, given] = [pattern.toLowerCase(), host.toLowerCase()]
  let at = 0
  /** The place in the pattern after the last star, and the end of the text that the star stands for. */
  let star = -1
  let end = 0
  for (let i = 0; i < given.length;) {
    if (wanted[at] === "*") {
      star = ++at
      end = i
    } else if (at < wanted.length && (wanted[at] === "?" || wanted[at] === given[i])) {
      at++
      i++
    } else if (star >= 0) {
      at = star
      i = ++end
    } else return false
  }
  while (wanted[at] === "*") at++
  return at === wanted.length
}

/** Whether a host matches one of the patterns, and none of those that begin with `!`. */
export const matchesPatterns = (patterns: ReadonlyArray<string>, host: string): boolean =>
  patterns.some((one) => !one.startsWith("!") && matchesPattern(one, host)) &&
  !patterns.some((one) => one.startsWith("!") && matchesPattern(one.slice(1), host))

/** The deepest nesting of `Include`, as in ssh. */
const DEPTH = 16
/** The most files in all. Two files that include each other twice would be read 2^16 times. */
const FILES = 256
const PROXIES = ["proxyjump", "proxycommand"]

/**
 * The settings of a host in a configuration file. A missing file has none. As in ssh, the first value counts, and all
 * of `IdentityFile`. `Include` is followed. `Match` blocks are skipped, except `Match all`. Throws if a file cannot be
 * read, or if there are too many.
 */
export const readConfig = (file: string, host: string): HostConfig => {
  const first = new Map<string, string>()
  const identityFiles: Array<string> = []
  let files = 0
  const read = (path: string, depth: number, applies: boolean): void => {
    if (++files > FILES) throw new Error(`${file} includes more than ${FILES} files, or files that include each other`)
    for (const line of linesOf(path)) {
      const match = /^\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line)
      if (match === null) continue
      const key = match[1]!.toLowerCase()
      const values = wordsOf(match[2]!)
      if (key === "host") applies = matchesPatterns(values, host)
      else if (key === "match") applies = values.length === 1 && values[0]!.toLowerCase() === "all"
      else if (!applies || values.length === 0) continue
      else if (key === "include" && depth < DEPTH) {
        for (const included of values.flatMap((one) => filesOf(one, file))) read(included, depth + 1, true)
      } else if (key === "identityfile") identityFiles.push(values[0]!)
      else if (!first.has(key)) first.set(key, key === "userknownhostsfile" ? match[2]! : values[0]!)
    }
  }
  read(file, 0, true)

  const known = first.get("userknownhostsfile")
  const proxy = PROXIES.find((key) => first.has(key) && first.get(key)!.toLowerCase() !== "none")
  const port = Number(first.get("port"))
  const user = first.get("user")
  const hostName = (first.get("hostname") ?? host).replaceAll("%h", host)
  const expand = (path: string): string => expandHome(path.replaceAll("%d", homedir()).replaceAll("%h", hostName))
  return {
    identityFiles: identityFiles.filter((one) => one.toLowerCase() !== "none").map(expand),
    hostName,
    ...(user === undefined ? {} : { user }),
    ...(port >= 1 && port <= 65535 ? { port } : {}),
    ...(known === undefined
      ? {}
      : { knownHostsFiles: known.toLowerCase() === "none" ? [] : wordsOf(known).map(expand) }),
    ...(proxy === undefined ? {} : { unsupported: proxy === "proxyjump" ? "ProxyJump" : "ProxyCommand" }),
  }
}

const linesOf = (path: string): ReadonlyArray<string> => {
  try {
    return readFileSync(path, "utf8").split(/\r?\n/).filter((line) => !/^\s*(#|$)/.test(line))
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR")) return []
    throw cause
  }
}

/** The words of a value; those with blanks are in quotes. A word that begins with `#` starts a comment. */
const wordsOf = (text: string): ReadonlyArray<string> => {
  const words = [...text.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!)
  const comment = words.findIndex((word) => word.startsWith("#"))
  return comment < 0 ? words : words.slice(0, comment)
}

/** The files that an `Include` names, relative to the configuration. The last component may be a pattern. */
const filesOf = (included: string, config: string): ReadonlyArray<string> => {
  const expanded = expandHome(included)
  const path = expanded.startsWith("/") ? expanded : join(dirname(config), expanded)
  if (!/[*?]/.test(path)) return [path]
  try {
    return readdirSync(dirname(path)).filter((name) => matchesPattern(basename(path), name)).sort()
      .map((name) => join(dirname(path), name))
  } catch {
    return []
  }
}

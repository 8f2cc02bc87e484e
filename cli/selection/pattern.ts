/**
 * Turns patterns of the command line into rules in gitignore syntax, relative to the top of a walk or a snapshot. Names
 * are in gitignore syntax. A `/` means what it means in restic: a pattern that begins with one is an absolute path, any
 * other with one in it matches at any depth, and the directories above a PATH count too.
 */
import ignore from "ignore"
import { homedir } from "node:os"
import { isAbsolute, resolve } from "node:path"
import { cwd, env } from "node:process"
import { unquotePath } from "../../stages/walk/path.ts"

/** A pattern, taken apart. */
export interface Pattern {
  /** As it was given. */
  readonly given: string
  readonly negated: boolean
  /** Names in gitignore syntax. `**` stands for any number of names. */
  readonly parts: ReadonlyArray<string>
  /** The case of letters does not count. */
  readonly anyCase: boolean
  /** Matches directories only. */
  readonly directories: boolean
  /**
   * Where it is matched: from the root of the file system, at any depth, or beneath a PATH if it is only a name.
   */
  readonly from: "root" | "anywhere" | "beneath"
}

/** A directory in which patterns are matched. */
export interface Place {
  /** The names on its absolute path. */
  readonly names: ReadonlyArray<string>
  /** Its path in the walk or snapshot. `""` if it is the top. */
  readonly under: string
}

/** A pattern at a place. */
export interface Placed {
  /** Whether everything beneath the place matches, because the pattern names the place itself or a directory above. */
  readonly all: boolean
  /** In gitignore syntax. */
  readonly rules: ReadonlyArray<string>
}

/** The place of an absolute path. */
export const patternPlace = (path: string, under: string): Place => ({
  names: path.split(/^([a-z]:)?\\|^[a-z]:\//i.test(path) ? /[\\/]/ : "/").filter((name) => name !== ""),
  under,
})

/**
 * Takes a pattern apart. Returns a message if it cannot match anything. If the pattern begins with one of `paths`, as
 * they were typed, that part is taken literally, even if it contains characters of a pattern.
 */
export const parsePattern = (
  given: string,
  paths: ReadonlyArray<string> = [],
  anyCase = false,
): Pattern | string => {
  const negated = given.startsWith("!")
  const typed = negated ? given.slice(1) : given
  const start = paths.find((path) => /[*?[\\]/.test(path) && `${typed}/`.startsWith(path.replace(/\/*$/, "/")))
  const rest = start === undefined ? typed : typed.slice(start.replace(/\/*$/, "").length)
  const text = decodeEscapes(rest)
  if (text === undefined) return `The pattern "${given}" ends with a backslash, which escapes nothing`
  const whole = start !== undefined
    ? `${escaped(resolve(start))}${text}`
    : /^~(\/|$)/.test(text)
    ? `${escaped(env["HOME"] || homedir())}${text.slice(1)}`
    : /^\.\.?(\/|$)/.test(text)
    ? `${escaped(cwd())}/${text}`
    : text
  const parts: Array<string> = []
  for (const part of whole.split("/")) {
    if (part === "..") parts.pop()
    else if (part !== "" && part !== ".") parts.push(part)
  }
  const bad = parts.find((part) => part.replace(/\\./gs, "").replace(/\[[!^]?\]?[^\]]*\]/g, "").includes("["))
  if (bad !== undefined) return `The pattern "${given}" is not valid: "${bad}" has a [ without its ]`
  const absolute = isAbsolute(whole)
  if (parts.length === 0 && !absolute) return `The pattern "${given}" names nothing`
  return {
    given,
    negated,
    anyCase,
    parts,
    directories: whole.endsWith("/") && parts.length > 0,
    from: absolute ? "root" : parts.length > 1 ? "anywhere" : "beneath",
  }
}

/** The rules of a pattern at a place. */
export const patternAt = ({ anyCase, directories, from, negated, parts }: Pattern, { names, under }: Place): Placed => {
  const before = negated ? "!" : ""
  const after = directories ? "/" : ""
  const prefix = under === "" ? "" : `/${escaped(under)}`
  if (from === "beneath") {
    const name = names.at(-1)
    const all = name !== undefined && matchesName(parts[0]!, name, anyCase)
    const rule = prefix === "" ? bare(parts[0]!) : `${prefix}/**/${parts[0]}`
    return { all, rules: all ? everything(before, prefix) : [`${before}${rule}${after}`] }
  }
  const wanted = from === "root" ? parts : ["**", ...parts]
  const rests = restsAfter(wanted, names, anyCase)
  const all = rests.has(wanted.length)
  return {
    all,
    rules: all
      ? everything(before, prefix)
      : [...rests].map((at) => `${before}${prefix}/${wanted.slice(at).join("/")}${after}`),
  }
}

/**
 * The indexes in `parts` from which paths beneath `names` go on matching. The number of parts is among them if `names`
 * match them all.
 */
const restsAfter = (
  parts: ReadonlyArray<string>,
  names: ReadonlyArray<string>,
  anyCase: boolean,
): ReadonlySet<number> => {
  const ends = new Set<number>()
  const seen = new Set<string>()
  const follow = (part: number, name: number): void => {
    const state = `${part} ${name}`
    if (seen.has(state)) return
    seen.add(state)
    if (part === parts.length || name === names.length) ends.add(part)
    else if (parts[part] === "**") {
      follow(part + 1, name)
      follow(part, name + 1)
    } else if (matchesName(parts[part]!, names[name]!, anyCase)) follow(part + 1, name + 1)
  }
  follow(0, 0)
  return ends
}

/** Rules that match a place and everything beneath it. */
const everything = (before: string, prefix: string): ReadonlyArray<string> =>
  prefix === "" ? [`${before}*`] : [`${before}${prefix}`, `${before}${prefix}/**`]

/** The pattern in gitignore syntax that matches only this text. */
export const escaped = (text: string): string => text.replace(/[\\*?[\]\s]/g, "\\$&")

/** A name as a rule. */
const bare = (part: string): string => /^[#!]/.test(part) ? `\\${part}` : part

const matchesName = (part: string, name: string, anyCase: boolean): boolean =>
  ignore({ ignorecase: anyCase }).add([{ pattern: `/${part}` }]).ignores(name)

/**
 * The pattern with `\xNN`, as names are printed, decoded to bytes, and with white space escaped, which the library
 * would drop. Undefined if it ends in the middle of an escape.
 */
const decodeEscapes = (text: string): string | undefined => {
  if (/(^|[^\\])(\\\\)*\\$/.test(text)) return undefined
  return text.replace(
    /(?:\\x[0-9a-f]{2})+|\\.|\s/gis,
    (found) =>
      /^\\x[0-9a-f]{2}/i.test(found) ? escaped(unquotePath(found)) : found.startsWith("\\") ? found : `\\${found}`,
  )
}

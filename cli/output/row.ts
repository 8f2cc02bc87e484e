/** Rows of `--json`. */
import { displayText, HIDDEN_CHARACTERS, quotePath } from "../../stages/walk/path.ts"

/** One JSON object, printed on a line of its own. */
export interface Row {
  /** What the row is about. The last row of a command is its `summary`. */
  readonly type: string
  /** Bigints beyond 2^53 are printed as strings. */
  readonly [member: string]: unknown
}

/** The counts that are not zero, for a row that has the others left out. */
export const notZero = (counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0))

/** Members that hold a path of a snapshot. They are printed so that a user can give them back; see `quotePath`. */
const PATHS: ReadonlySet<string> = new Set(["path", "linkTo", "example"])

/** Characters that JSON allows, but that would do something to a terminal. */
const RAW = new RegExp(HIDDEN_CHARACTERS, "gu")

/** A row as well-formed Unicode, whatever the names of files are. Integers beyond 2^53 become strings. */
export const rowText = (row: Row): string => escaped(JSON.stringify(row, jsonValue))

/** The same as lines for people, with two spaces for each level. */
export const prettyLines = (value: object): ReadonlyArray<string> =>
  JSON.stringify(value, jsonValue, 2).split("\n").map(escaped)

const escaped = (json: string): string =>
  json.replace(RAW, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`)

const jsonValue = (key: string, value: unknown): unknown =>
  typeof value === "string"
    ? PATHS.has(key) ? quotePath(value) : value.isWellFormed() ? value : displayText(value)
    : typeof value === "bigint"
    ? value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value)
    : value

/** What a PATH argument of a backup names. */
import { lstatSync, realpathSync, type Stats, statSync } from "node:fs"
import { quoted } from "../../adapters/runtime/quote.ts"

/**
 * - `directory`, `missing`: for the walk to see to. `missing` is not there, or cannot be looked at.
 * - `file`: a regular file; `file` is its real path where the argument is a symlink to it.
 * - `bare`: a thing that can be stored, but whose content is not; `message` says so.
 * - `stream`: the end of a pipe, of which nothing could be stored; `message` says what to do instead.
 */
export type RootKind =
  | { readonly kind: "directory" | "missing" }
  | { readonly kind: "file"; readonly file: string }
  | { readonly kind: "bare" | "stream"; readonly message: string }

/** Looks at an absolute path. */
export const whatIsAt = (path: string): RootKind => {
  const own = look(() => lstatSync(path))
  if (own === undefined) return { kind: "missing" }
  const stats = own.isSymbolicLink() ? look(() => statSync(path)) : own
  if (stats === undefined) return { kind: "bare", message: "Stored as a symlink: what it points to is not there" }
  if (stats.isDirectory()) return { kind: "directory" }
  if (stats.isFile()) return { kind: "file", file: own.isSymbolicLink() ? realpathSync(path) : path }
  const what = stats.isFIFO()
    ? "a pipe"
    : stats.isBlockDevice()
    ? "a block device"
    : stats.isCharacterDevice()
    ? "a character device"
    : "a socket"
  // What a shell gives for <(command), and /dev/stdin.
  if (own.isSymbolicLink() && /^\/(dev\/(fd|std)|proc\/[^/]+\/fd)/.test(path)) {
    return {
      kind: "stream",
      message:
        `${path} is ${what}; to store what comes out of a command: penstock backup --stdin-from-command -- COMMAND`,
    }
  }
  const how = stats.isSocket() ? "" : `; to store what can be read from it: penstock backup --stdin < ${quoted(path)}`
  return {
    kind: "bare",
    message: own.isSymbolicLink()
      ? `Stored as a symlink, which points to ${what}${how}`
      : `Stored as ${what}, without content${how}`,
  }
}

const look = (at: () => Stats): Stats | undefined => {
  try {
    return at()
  } catch {
    return undefined
  }
}

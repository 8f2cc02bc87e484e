/** What lies at a PATH argument of a backup. */
import { lstatSync, realpathSync, type Stats, statSync } from "node:fs"
import { quoted } from "../../adapters/runtime/quote.ts"

/**
 * - `directory`, `missing`: the walk handles both. `missing` does not exist, or cannot be examined.
 * - `file`: a regular file. `file` is its real path if the argument is a symlink to it.
 * - `bare`: it can be stored, but without content; `message` says so.
 * - `stream`: the end of a pipe. Nothing could be stored of it; `message` says what to do instead.
 */
export type RootKind =
  | { readonly kind: "directory" | "missing" }
  | { readonly kind: "file"; readonly file: string }
  | { readonly kind: "bare" | "stream"; readonly message: string }

/** Looks at an absolute path. */
export const rootKind = (path: string): RootKind => {
  const own = look(() => lstatSync(path))
  if (own === undefined) return { kind: "missing" }
  const stats = own.isSymbolicLink() ? look(() => statSync(path)) : own
  if (stats === undefined) return { kind: "bare", message: "Stored as a symlink, which points to nothing" }
  if (stats.isDirectory()) return { kind: "directory" }
  if (stats.isFile()) return { kind: "file", file: own.isSymbolicLink() ? realpathSync(path) : path }
  const what = stats.isFIFO()
    ? "a pipe"
    : stats.isBlockDevice()
    ? "a block device"
    : stats.isCharacterDevice()
    ? "a character device"
    : "a socket"
  // A shell gives such a path for <(command); /dev/stdin is one too.
  if (own.isSymbolicLink() && /^\/(dev\/(fd|std)|proc\/[^/]+\/fd)/.test(path)) {
    return {
      kind: "stream",
      message: `${path} is ${what}; to store the output of a command: penstock backup --stdin-from-command -- COMMAND`,
    }
  }
  const how = stats.isSocket() ? "" : `; to store its content: penstock backup --stdin < ${quoted(path)}`
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

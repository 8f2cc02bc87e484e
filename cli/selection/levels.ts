/** Chooses the entries that a listing without `--recursive` has. */
import type { Entry } from "../../stages/walk/entry.ts"
import { parentPath } from "../../stages/walk/path.ts"

/**
 * Makes a function that gives an entry which is one of `tops`, or directly in one of them. Of one that lies deeper it
 * gives the directory directly in a top that it lies in, unless that was given before: some formats list no
 * directories. The entries come in depth-first order.
 */
export const topLevel = (tops: ReadonlyArray<string>): (entry: Entry) => Entry | undefined => {
  let last: string | undefined
  return (entry) => {
    const { kind, path } = entry
    let within: string | undefined
    for (const top of tops) {
      if (path === top || (path !== "" && parentPath(path) === top)) {
        if (kind === "directory") last = path
        return entry
      }
      if (isBeneath(path, top) && (within === undefined || top.length > within.length)) within = top
    }
    if (within === undefined) return undefined
    const end = path.indexOf("/", within === "" ? 0 : within.length + 1)
    const directory = path.slice(0, end)
    if (directory === last || (last !== undefined && directory.startsWith(`${last}/`))) return undefined
    last = directory
    return { path: directory, kind: "directory", metadata: {}, size: 0 }
  }
}

const isBeneath = (path: string, top: string): boolean => top === "" || path.startsWith(`${top}/`)

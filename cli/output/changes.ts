/** How changes between snapshots are shown: the letters of restic. */
import type { Change } from "../../formats/diff.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { displayPath } from "../../stages/walk/path.ts"
import { showFileTime } from "./entries.ts"
import { showMode, showPath } from "./show.ts"

const LETTERS: Readonly<Record<Change["what"], string>> = {
  added: "+",
  removed: "-",
  type: "T",
  content: "M",
  metadata: "U",
}

/** `+`, `-`, `T`, `M`, `U`; `M?` if nothing but the content shows the change. */
export const changeLetter = ({ silent, what }: Pick<Change, "what" | "silent">): string =>
  silent === true ? "M?" : LETTERS[what]

/** A line with a letter in front. */
export const marked = (letter: string, text: string): string => `${letter.padEnd(5)}${text}`

/** The path of an entry, with a `/` behind that of a directory. */
export const showEntryPath = ({ kind, path }: Entry): string => showPath(path) + (kind === "directory" ? "/" : "")

/** What has become of the facts of an entry: `mode: -rw-r--r-- to -rw-------`. */
export const describeFacts = ({ after, before, facts }: Change): ReadonlyArray<string> =>
  facts.map((fact) => {
    const show = (entry: Entry): string =>
      fact === "linkTo"
        ? entry.linkTo === undefined ? "no hard link" : displayPath(entry.linkTo)
        : fact === "mtime"
        ? showFileTime(entry.metadata.mtime)
        : fact === "mode"
        ? showMode(entry.kind, entry.metadata.mode)
        : displayPath(String(entry.metadata[fact]))
    return `${fact === "linkTo" ? "hard link to" : fact}: ${show(before!)} to ${show(after!)}`
  })

/**
 * The export format of ncdu, which shows what takes up space: `penstock ls --ncdu | ncdu -f -`. Described at
 * https://dev.yorhel.nl/ncdu/jsonfmt: version 1.2. Each directory is an array, of itself and of what is in it.
 */
import type { SnapshotInfo } from "../../formats/repository.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { baseName, parentPath, quotePath } from "../../stages/walk/path.ts"
import { VERSION } from "../release.ts"

/** Files take up whole blocks of this many bytes. restic counts alike. */
const BLOCK = 512

/** Writes the entries of a snapshot, which come in depth-first order. */
export interface NcduWriter {
  readonly entry: (entry: Entry) => void
  readonly end: () => void
}

/** Starts the export. `print` takes pieces of text. */
export const ncduWriter = (snapshot: SnapshotInfo, print: (text: string) => void): NcduWriter => {
  /** The directories that are not closed, outermost first. */
  const open: Array<string> = [""]
  const line = (text: string): void => print(`,\n${"  ".repeat(open.length)}${text}`)
  const close = (): void => {
    open.pop()
    print(`\n${"  ".repeat(open.length)}]`)
  }
  const openTo = (path: string): void => {
    while (!isIn(path, open.at(-1)!)) close()
    if (open.at(-1) === path) return
    openTo(parentPath(path))
    line(`[${JSON.stringify({ name: quotePath(baseName(path)) })}`)
    open.push(path)
  }
  const { id, paths, time } = snapshot
  const about = { progname: "penstock", progver: VERSION, timestamp: seconds(time), snapshot: id }
  const top = paths.length === 1 ? paths[0]! : "/"
  print(`[1, 2, ${JSON.stringify(about)}, [${JSON.stringify({ name: quotePath(top) })}`)
  return {
    entry: (entry) => {
      const { kind, path } = entry
      if (path === "") return
      openTo(parentPath(path))
      const members = JSON.stringify(membersOf(entry))
      line(kind === "directory" ? `[${members}` : members)
      if (kind === "directory") open.push(path)
    },
    end: () => {
      while (open.length > 0) close()
      print("\n]\n")
    },
  }
}

const isIn = (path: string, directory: string): boolean =>
  directory === "" || path === directory || path.startsWith(`${directory}/`)

/** ncdu takes no negative times. */
const seconds = (milliseconds: number): number => Math.max(0, Math.floor(milliseconds / 1000))

/** What ncdu shows of an entry. A further hard link counts nothing, because its content is there once. */
const membersOf = ({ kind, linkTo, metadata, path, size }: Entry): object => {
  const { gid, mode, mtime, uid } = metadata
  const bytes = kind === "file" && linkTo === undefined ? size ?? 0 : 0
  return {
    name: quotePath(baseName(path)),
    asize: bytes,
    dsize: Math.ceil(bytes / BLOCK) * BLOCK,
    ...(kind === "directory" || kind === "file" ? {} : { notreg: true }),
    uid,
    gid,
    mode,
    ...(mtime === undefined ? {} : { mtime: seconds(Number(mtime / 1_000_000n)) }),
  }
}

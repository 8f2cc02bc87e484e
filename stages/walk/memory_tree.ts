/** Trees in memory: for tests, for browsers, and for contents that a program makes itself. */
import type { Metadata } from "./entry.ts"
import { type Fidelity, wholeFidelity } from "./fidelity.ts"

/** What is at a path, and its metadata. One node at several paths is one file with several hard links. */
export type MemoryNode =
  & Metadata
  & (
    | { readonly content: Uint8Array | string; readonly sparse?: boolean }
    | { readonly directory: true }
    | { readonly symlink: string }
    | { readonly special: "fifo" | "socket" }
    | { readonly special: "character" | "block"; readonly major: number; readonly minor: number }
    | { readonly unreadable: string }
  )

/** Nodes by path, in the form of `Entry.path`. A directory may be left out when it has no metadata and is not empty. */
export type MemoryTree = Readonly<Record<string, MemoryNode>>

/** What a tree in memory keeps. */
export const memoryFidelity: Fidelity = wholeFidelity

/** The bytes of a content. Text is UTF-8. */
export const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content

const metadataKeys = ["mode", "uid", "gid", "user", "group", "mtime", "ctime", "inode", "device"] as const

/** The metadata of a node or an entry, without its other fields. */
export const metadataOf = (from: Metadata | undefined): Metadata =>
  Object.fromEntries(metadataKeys.flatMap((key) => from?.[key] === undefined ? [] : [[key, from[key]]]))

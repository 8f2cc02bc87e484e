/** The content of a file on disk, as a synchronous reader that any thread can open. */
import * as fs from "node:fs"
import type { Reader, ReaderContent } from "../../../stages/walk/entry.ts"
import { SourceError } from "../../../stages/walk/errors.ts"
import { baseName, parentPath } from "../../../stages/walk/path.ts"
import { DESCRIPTORS } from "../system/descriptors.ts"
import { type Identity, Replaced } from "../system/directory.ts"
import { errorCode, sourceError } from "../system/errno.ts"
import { Held } from "../system/held.ts"
import { isRegular } from "../system/metadata.ts"
import { nativePath } from "../system/native.ts"
import { READ_SAFELY } from "../system/open.ts"
import { statsOfOpen } from "../system/stats.ts"
import { LocalReader, type PartReader } from "./reader.ts"

/** Plain data that names a file as a walk saw it. It can be sent to another thread. */
export interface LocalLocator extends Identity {
  readonly root: LocalRoot
  /** Relative to the root, in the encoding of `stages/walk/path.ts`. */
  readonly path: string
}

/** Plain data that names the directory that a walk began in. */
export interface LocalRoot extends Identity {
  /** Absolute. */
  readonly path: string
  /** Whether directories beneath it are held while something in them is opened. False: they are known by paths only. */
  readonly held: boolean
}

/** How many directories one reader holds at once. */
const HELD = 16

/** Gives the directories that are held beneath a root; undefined when none are. Throws a {@link SourceError}. */
export type HeldOf = (root: LocalRoot) => Held | undefined

/** Holds the root of a walk. To be closed. Throws a {@link SourceError} when another directory has taken its place. */
const holdRoot = (root: LocalRoot): Held => {
  try {
    return new Held(root.path, { limit: HELD, descriptors: root.held ? DESCRIPTORS : undefined, expected: root })
  } catch (cause) {
    throw cause instanceof Replaced ? replaced(root.path) : sourceError(root.path, cause)
  }
}

/** Runs `use` with directories that stay held from one file to the next. */
export const holding = async <A>(use: (heldOf: HeldOf) => Promise<A>): Promise<A> => {
  const all = new Map<LocalRoot, Held>()
  try {
    return await use((root) => {
      let held = all.get(root)
      if (held === undefined) all.set(root, held = holdRoot(root))
      return held
    })
  } finally {
    for (const held of all.values()) held.close()
  }
}

/**
 * The content of the file that a locator names. It is opened through the directories that are held, if there are any.
 * `open` throws a {@link SourceError}: `changed` when another file, or something that is no file, has taken its place;
 * otherwise `not-found`, `denied` or `io`.
 */
export const localContent = (locator: LocalLocator, heldOf?: HeldOf): ReaderContent => new LocalContent(locator, heldOf)

/** Opens the content from an offset on. Throws what `open` of {@link localContent} throws. */
export const openPart = (locator: LocalLocator, from: number): PartReader => openAt(locator, undefined, from)

/** One object for each file, without closures: a walk makes very many of them. */
class LocalContent implements ReaderContent {
  readonly locator: LocalLocator
  readonly #heldOf: HeldOf | undefined
  constructor(locator: LocalLocator, heldOf: HeldOf | undefined) {
    this.locator = locator
    this.#heldOf = heldOf
  }
  open(): Reader {
    return openAt(this.locator, this.#heldOf, 0)
  }
}

const openFile = ({ path, root }: LocalLocator, heldOf: HeldOf | undefined): number => {
  if (!root.held) return fs.openSync(nativePath(root.path, path), READ_SAFELY)
  const held = heldOf?.(root)
  const here = held ?? holdRoot(root)
  try {
    return fs.openSync(here.at(parentPath(path)).child(baseName(path)), READ_SAFELY)
  } finally {
    if (here !== held) here.close()
  }
}

const openAt = (locator: LocalLocator, heldOf: HeldOf | undefined, from: number): LocalReader => {
  const { path, device, inode } = locator
  let fd: number
  try {
    fd = openFile(locator, heldOf)
  } catch (cause) {
    throw errorCode(cause) === "ELOOP" || errorCode(cause) === "ENXIO" ? replaced(path) : sourceError(path, cause)
  }
  try {
    const stats = statsOfOpen(fd)
    if (!isRegular(stats) || stats.dev !== device || stats.ino !== inode) throw replaced(path)
    return new LocalReader(path, fd, stats, from)
  } catch (cause) {
    fs.closeSync(fd)
    throw sourceError(path, cause)
  }
}

const replaced = (path: string): SourceError =>
  new SourceError({
    reason: "changed",
    path,
    message: "It was replaced by something else while the directory was read",
  })

/**
 * Encodes and decodes the plain index, in the document's layout and in that of later programs. SPEC.md, "The index".
 */
import { textFromBytes, textToBytes } from "../../stages/catalog/tree/short_text.ts"
import { CONTENTS_AT, hasMagic, MAGIC, readNumber, writeNumber } from "./layout.ts"
import { pathsProblem, sortPaths } from "./paths.ts"

/** A content: one age file in the archive. */
export interface StoredContent {
  /** Where its age file starts in the archive. */
  readonly offset: number
  /** Bytes of its age file. */
  readonly length: number
  /** BLAKE3 of the original content, 32 bytes. */
  readonly hash: Uint8Array
  /** Bytes of the original content. */
  readonly size: number
}

/** What an archive holds: contents, the files that have them, and empty directories. Paths are relative. */
export interface Index {
  readonly contents: ReadonlyArray<StoredContent>
  readonly files: ReadonlyArray<{ readonly path: string; readonly content: StoredContent }>
  readonly directories: ReadonlyArray<string>
}

/** The order of the lists in an index: that of the document, or that of later programs. */
export type IndexLayout = "document" | "program"

/** An index is not valid. The message continues a sentence after "an index that". */
export class IndexError extends Error {}

const HASH_BYTES = 32

/** Whether an archive holds nothing, as a new one does. */
export const isEmpty = ({ directories, files }: Index): boolean => files.length + directories.length === 0

/** Makes the plain index. Throws {@link IndexError} when one archive cannot hold its paths. */
export const encodeIndex = ({ contents, directories, files }: Index, layout: IndexLayout): Uint8Array => {
  const problem = pathsProblem(files.map(({ path }) => path), directories)
  if (problem !== undefined) throw new IndexError(problem)
  const paths = files.map(({ path }) => encodePath(path))
  const empty = directories.map(encodePath)
  const sizeOf = (list: ReadonlyArray<Uint8Array>): number => list.reduce((sum, { length }) => sum + length, 8)
  const perContent = 8 + HASH_BYTES + 8 + (layout === "document" ? 8 : 0)
  const out = new Uint8Array(
    8 + 3 * 8 + perContent * contents.length + 8 + 16 * files.length + sizeOf(paths) + sizeOf(empty),
  )
  let at = 0
  const bytes = (value: Uint8Array): void => {
    out.set(value, at)
    at += value.length
  }
  const number = (value: number): void => {
    writeNumber(out, at, value)
    at += 8
  }
  const list = <A>(items: ReadonlyArray<A>, write: (item: A) => void): void => {
    number(items.length)
    for (const item of items) write(item)
  }
  const position = ({ length, offset }: StoredContent): void => {
    number(offset)
    number(length)
  }
  const entryLists = (): void => {
    list(files, ({ content }) => position(content))
    list(paths, bytes)
    list(empty, bytes)
  }
  const hashesAndSizes = (): void => {
    list(contents, ({ hash }) => bytes(hash))
    list(contents, ({ size }) => number(size))
  }
  bytes(MAGIC)
  if (layout === "document") {
    list(contents, position)
    hashesAndSizes()
    entryLists()
  } else {
    entryLists()
    list(contents, ({ offset }) => number(offset))
    hashesAndSizes()
  }
  return out
}

const encodePath = (path: string): Uint8Array => {
  const names = path.split("/").map(textToBytes)
  const out = new Uint8Array(names.reduce((sum, { length }) => sum + 8 + length, 8))
  writeNumber(out, 0, names.length)
  let at = 8
  for (const name of names) {
    writeNumber(out, at, name.length)
    out.set(name, at + 8)
    at += 8 + name.length
  }
  return out
}

/**
 * Decodes a plain index in either layout. Its contents must lie between the first magic and the offset `end`. Paths are
 * checked: each is safe, and one archive can hold them all. Throws {@link IndexError}.
 */
export const decodeIndex = (
  bytes: Uint8Array,
  end: number,
): { readonly index: Index; readonly layout: IndexLayout } => {
  if (bytes.length < MAGIC.length || !hasMagic(bytes)) {
    throw new IndexError("does not begin with the magic number: it was altered, or is of another version")
  }
  let problem: unknown
  for (const layout of ["document", "program"] as const) {
    try {
      return { index: checked(READ[layout](new Reader(bytes)), end), layout }
    } catch (error) {
      // The first error is reported, unless only the second layout fits the bytes.
      if (!(error instanceof IndexError) || problem === undefined || !(error instanceof Malformed)) problem = error
    }
  }
  throw problem
}

/** The bytes do not have this layout. */
class Malformed extends IndexError {}

/** The lists of an index as they are read. The layout of later programs does not have the lengths in `unique`. */
interface Lists {
  readonly unique: ReadonlyArray<{ readonly offset: number; readonly length: number | undefined }>
  readonly hashes: ReadonlyArray<Uint8Array>
  readonly sizes: ReadonlyArray<number>
  readonly positions: ReadonlyArray<{ readonly offset: number; readonly length: number }>
  readonly paths: ReadonlyArray<string>
  readonly directories: ReadonlyArray<string>
}

/** How the lists of each layout are read. */
const READ: Readonly<Record<IndexLayout, (reader: Reader) => Lists>> = {
  document: (reader) => {
    const unique = reader.positions()
    const hashes = reader.hashes()
    const sizes = reader.numbers()
    const positions = reader.positions()
    const paths = reader.paths()
    return { unique, hashes, sizes, positions, paths, directories: reader.last(reader.paths()) }
  },
  program: (reader) => {
    const positions = reader.positions()
    const paths = reader.paths()
    const directories = reader.paths()
    const unique = reader.numbers().map((offset) => ({ offset, length: undefined }))
    const hashes = reader.hashes()
    return { unique, hashes, sizes: reader.last(reader.numbers()), positions, paths, directories }
  },
}

/** Reads lists, and never beyond the end. */
class Reader {
  readonly #bytes: Uint8Array
  #at = MAGIC.length

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  #number(): number {
    if (this.#bytes.length - this.#at < 8) throw new Malformed("ends too early")
    const value = readNumber(this.#bytes, this.#at)
    if (!Number.isSafeInteger(value)) throw new Malformed("has a number beyond 2^53")
    this.#at += 8
    return value
  }

  /** Reads a list whose items have at least `itemBytes` each. */
  #list<A>(itemBytes: number, read: () => A): Array<A> {
    const count = this.#number()
    if (count * itemBytes > this.#bytes.length - this.#at) throw new Malformed("ends too early")
    const out: Array<A> = []
    for (let i = 0; i < count; i++) out.push(read())
    return out
  }

  positions(): Array<{ readonly offset: number; readonly length: number }> {
    return this.#list(16, () => ({ offset: this.#number(), length: this.#number() }))
  }

  numbers(): Array<number> {
    return this.#list(8, () => this.#number())
  }

  hashes(): Array<Uint8Array> {
    return this.#list(HASH_BYTES, () => new Uint8Array(this.#take(HASH_BYTES)))
  }

  paths(): Array<string> {
    return this.#list(8, () => this.#list(8, () => this.#name()).join("/"))
  }

  /** Gives the last list. Throws when bytes follow it. */
  last<A>(list: A): A {
    if (this.#at !== this.#bytes.length) throw new Malformed("goes on after its end")
    return list
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw new Malformed("ends too early")
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #name(): string {
    const name = textFromBytes(this.#take(this.#number()))
    if (!name.isWellFormed()) throw new IndexError("has a path that is not UTF-8")
    if (name === "" || name.includes("/")) throw new IndexError(`has a path with the component "${name}"`)
    return name
  }
}

/** Makes an index of lists. Throws when they do not fit together. */
const checked = (lists: Lists, end: number): Index => {
  const { directories, hashes, paths, positions, sizes, unique } = lists
  if (unique.length !== hashes.length || unique.length !== sizes.length || positions.length !== paths.length) {
    throw new Malformed("has lists of different lengths")
  }
  const lengths = new Map(positions.map(({ length, offset }) => [offset, length]))
  const contents = new Map<number, StoredContent>()
  for (const [i, { offset, length = lengths.get(offset) }] of unique.entries()) {
    if (length === undefined) throw new IndexError(`has a content at ${offset} without a length`)
    if (offset < CONTENTS_AT || offset + length > end) {
      throw new IndexError(`has a content of ${length} bytes at ${offset}, where none can be`)
    }
    if (contents.has(offset)) throw new IndexError(`has two contents at ${offset}`)
    contents.set(offset, { offset, length, hash: hashes[i]!, size: sizes[i]! })
  }
  const files = paths.map((path, i) => {
    const { length, offset } = positions[i]!
    const content = contents.get(offset)
    if (content?.length !== length) throw new IndexError(`has a path whose content at ${offset} it does not list`)
    return { path, content }
  })
  const problem = pathsProblem(paths, directories)
  if (problem !== undefined) throw new IndexError(`cannot be used: ${problem}`)
  const bytes = files.reduce((sum, { content }) => sum + content.size, 0)
  if (!Number.isSafeInteger(bytes)) {
    throw new IndexError("cannot be used: the sizes of its files add up to more than 2^53 bytes")
  }
  return inOrder({ contents: [...contents.values()], files, directories })
}

/** The index with its files and directories in the order of a walk. */
export const inOrder = ({ contents, directories, files }: Index): Index => ({
  contents,
  files: sortPaths([...files], ({ path }) => path, false),
  directories: sortPaths([...directories], (path) => path, true),
})

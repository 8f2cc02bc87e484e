/** Trees of entries, and what changes in them from run to run. */
import { createHash } from "node:crypto"
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import { type Random, random } from "../random.ts"

/** A tree whose files change. */
export interface Corpus {
  readonly name: string
  /** The whole tree, as a walk gives it. */
  readonly entries: ReadonlyArray<StoredEntry>
  /** Rewrites some random files, and gives their new entries. */
  readonly change: (count: number) => ReadonlyArray<StoredEntry>
}

const NONE: Uint8Array = new Uint8Array(0)
const NOW = 1_764_500_000_000_000_000n

class Making {
  readonly random: Random
  readonly entries: Array<StoredEntry> = []
  #inode = 1_000_000n
  #time = NOW
  #chunks = 0
  readonly #mtimesDiffer: boolean

  constructor(seed: string, mtimesDiffer: boolean) {
    this.random = random(seed)
    this.#mtimesDiffer = mtimesDiffer
  }

  #add(path: string, kind: "file" | "directory", size: number): void {
    this.#time += BigInt(this.random.int(200_000))
    const mtime = this.#mtimesDiffer ? NOW - BigInt(this.random.next()) * 100_003n : this.#time
    const mode = kind === "file" ? 0o644 : 0o755
    const owner = { uid: 1000, gid: 1000, user: "me", group: "me" }
    const metadata = { mode, ...owner, mtime, ctime: this.#time, inode: this.#inode++, device: 2049n }
    this.entries.push({ path, kind, metadata, size, chunks: kind === "file" ? this.chunk(size) : NONE })
  }

  directory(path: string): void {
    this.#add(path, "directory", 0)
  }

  file(path: string): void {
    this.#add(path, "file", this.size())
  }

  size(): number {
    return 200 + this.random.int(15_000)
  }

  /** The list of the one chunk of a small file. Its ID does not compress, as hashes do not. */
  chunk(size: number): Uint8Array {
    const chunks = new Uint8Array(36)
    chunks.set(createHash("sha256").update(`${this.#chunks++}`).digest())
    new DataView(chunks.buffer).setUint32(32, size, true)
    return chunks
  }

  corpus(name: string): Corpus {
    const files = this.entries.flatMap((entry, i) => entry.kind === "file" ? [i] : [])
    return {
      name,
      entries: this.entries,
      change: (count) =>
        Array.from({ length: count }, () => {
          const at = files[this.random.int(files.length)]!
          const size = this.size()
          const mtime = NOW + BigInt(this.random.next()) * 20_011n
          const entry = this.entries[at]!
          const metadata = { ...entry.metadata, mtime, ctime: mtime }
          return this.entries[at] = { ...entry, metadata, size, chunks: this.chunk(size) }
        }),
    }
  }
}

/** 5,000 small files in 100 directories. */
export const fewFiles = (): Corpus => {
  const made = new Making("few", false)
  made.directory("")
  for (let d = 0; d < 10; d++) {
    made.directory(`d${d}`)
    for (let s = 0; s < 10; s++) {
      made.directory(`d${d}/s${s}`)
      for (let i = 0; i < 50; i++) made.file(`d${d}/s${s}/f${String(d + 10 * s + 100 * i).padStart(5, "0")}.txt`)
    }
  }
  return made.corpus("5,000 files")
}

const WORDS = [
  "index",
  "utils",
  "main",
  "test",
  "view",
  "model",
  "store",
  "parser",
  "route",
  "image",
  "types",
  "config",
]

/** `count` files, 5 to 34 in a directory, four levels deep. Their times are those of a tree that was copied. */
export const manyFiles = (count: number): Corpus => {
  const made = new Making("many", true)
  const word = (): string => WORDS[made.random.int(WORDS.length)]!
  made.directory("")
  let files = 0
  for (let a = 0; files < count; a++) {
    made.directory(`project-${a}`)
    for (let b = 0; b < 10 && files < count; b++) {
      made.directory(`project-${a}/${WORDS[b]}`)
      for (let c = 0; c < 10 && files < count; c++) {
        const directory = `project-${a}/${WORDS[b]}/${WORDS[c]}`
        made.directory(directory)
        const here = Math.min(count - files, 5 + made.random.int(30))
        for (let i = 0; i < here; i++) made.file(`${directory}/${word()}-${word()}-${i}.ts`)
        files += here
      }
    }
  }
  return made.corpus(`${count.toLocaleString("en")} files`)
}

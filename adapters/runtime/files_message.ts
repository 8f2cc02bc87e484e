/**
 * The files of a unit on their way to a thread and back: columns of numbers, and one string. As objects, every file
 * would be cloned twice, which costs more than to open it.
 */
import { chunkCount, RECORD_BYTES } from "../../stages/hash/chunk_list.ts"
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import type { Planned, Steps } from "../../stages/plan/plan.ts"
import { type Stored, withoutContent } from "../../stages/plan/stored.ts"
import type { Entry, Metadata, ReaderContent } from "../../stages/walk/entry.ts"
import type { LocalLocator, LocalRoot } from "../files/source/content.ts"

/** The files of a unit, as a thread needs to know them. */
export interface FilesMessage {
  readonly roots: ReadonlyArray<LocalRoot>
  /** The paths, with a NUL between each two. */
  readonly paths: string
  /** Of each file: device, inode, mtime and ctime as the walk saw them, and the number of its root. */
  readonly numbers: BigInt64Array<ArrayBuffer>
}

/** The files of a unit after they were stored. */
export interface StoredMessage {
  readonly sizes: Float64Array<ArrayBuffer>
  /** The number of chunks of each file. */
  readonly counts: Uint32Array<ArrayBuffer>
  /** The chunk lists of all files, one behind the other. */
  readonly chunks: Uint8Array<ArrayBuffer>
  /**
   * The names of whole contents, when the plan has a digest: 32 bytes each; zeros for a file that could not be read.
   */
  readonly digests?: Uint8Array<ArrayBuffer>
  /** What there is to say about a few of the files, in their order. */
  readonly remarks: ReadonlyArray<Remark>
}

/** What there is to say about one file of a unit. */
export interface Remark {
  readonly at: number
  /** Set when the metadata is not what the walk saw. */
  readonly metadata?: Metadata
  readonly warning?: string
  /** Set when the file could not be read. */
  readonly problem?: string
}

const NUMBERS = 5
/** Stands for a time that is unknown. */
const UNKNOWN = -(2n ** 63n)

/** The locator of a content that a thread can read by itself. */
export const locatorOf = (entry: Entry): LocalLocator => (entry.content as ReaderContent).locator as LocalLocator

/** Packs files for a thread. */
export const toFilesMessage = (files: ReadonlyArray<Planned<Steps>>): FilesMessage => {
  const numbers = new BigInt64Array(files.length * NUMBERS)
  const paths: Array<string> = []
  const roots: Array<LocalRoot> = []
  for (const [i, file] of files.entries()) {
    const { device, inode, path, root } = locatorOf(file)
    if (roots.at(-1) !== root) roots.push(root)
    paths.push(path)
    numbers[i * NUMBERS] = device
    numbers[i * NUMBERS + 1] = inode
    numbers[i * NUMBERS + 2] = file.metadata.mtime ?? UNKNOWN
    numbers[i * NUMBERS + 3] = file.metadata.ctime ?? UNKNOWN
    numbers[i * NUMBERS + 4] = BigInt(roots.length - 1)
  }
  return { roots, paths: paths.join("\0"), numbers }
}

/** Unpacks them on the thread. */
export const locatorsOf = ({ numbers, paths, roots }: FilesMessage): ReadonlyArray<LocalLocator> =>
  paths.split("\0").map((path, i) => ({
    root: roots[Number(numbers[i * NUMBERS + 4])]!,
    path,
    // The walk gives unsigned numbers.
    device: BigInt.asUintN(64, numbers[i * NUMBERS]!),
    inode: BigInt.asUintN(64, numbers[i * NUMBERS + 1]!),
  }))

/** Packs stored files on the thread. */
export const toStoredMessage = (stored: ReadonlyArray<Stored>, { numbers }: FilesMessage): StoredMessage => {
  const sizes = new Float64Array(stored.length)
  const counts = new Uint32Array(stored.length)
  const chunks = new Uint8Array(stored.reduce((sum, file) => sum + file.chunks.length, 0))
  const digests = stored.some(({ digest }) => digest !== undefined)
    ? new Uint8Array(stored.length * ID_BYTES)
    : undefined
  const remarks: Array<Remark> = []
  let at = 0
  for (const [i, file] of stored.entries()) {
    sizes[i] = file.size ?? 0
    counts[i] = chunkCount(file.chunks)
    chunks.set(file.chunks, at)
    at += file.chunks.length
    if (file.digest !== undefined) digests!.set(file.digest, i * ID_BYTES)
    const { metadata, problem, warning } = file
    // Every change of a file's metadata changes its times. Of a file that could not be read, or that changed in the
    // meantime, nothing new is known.
    const changed = problem === undefined && warning === undefined &&
      (metadata.mtime !== numbers[i * NUMBERS + 2] || metadata.ctime !== numbers[i * NUMBERS + 3])
    if (!changed && problem === undefined && warning === undefined) continue
    remarks.push({
      at: i,
      ...(changed ? { metadata } : {}),
      ...(warning === undefined ? {} : { warning }),
      ...(problem === undefined ? {} : { problem }),
    })
  }
  return { sizes, counts, chunks, remarks, ...(digests === undefined ? {} : { digests }) }
}

/** The memory of a message that is handed over with it, not copied. */
export const memoryOf = ({ chunks, counts, digests, sizes }: StoredMessage): Array<ArrayBuffer> => [
  sizes.buffer,
  counts.buffer,
  chunks.buffer,
  ...(digests === undefined ? [] : [digests.buffer]),
]

/** Unpacks stored files: the inverse of {@link toStoredMessage}. */
export const storedOf = (files: ReadonlyArray<Planned<Steps>>, message: StoredMessage): ReadonlyArray<Stored> => {
  const { chunks, counts, digests, remarks, sizes } = message
  let at = 0
  let next = 0
  return files.map((file, i): Stored => {
    const from = at
    at += counts[i]! * RECORD_BYTES
    const stored: Stored = {
      ...withoutContent(file),
      size: sizes[i]!,
      chunks: chunks.subarray(from, at),
      reused: false,
    }
    const remark = remarks[next]?.at === i ? remarks[next++]! : undefined
    if (remark === undefined && digests === undefined) return stored
    return {
      ...stored,
      ...(digests === undefined || remark?.problem !== undefined
        ? undefined
        : { digest: digests.subarray(i * ID_BYTES, (i + 1) * ID_BYTES) }),
      ...(remark?.metadata === undefined ? undefined : { metadata: { ...file.metadata, ...remark.metadata } }),
      ...(remark?.warning === undefined ? undefined : { warning: remark.warning }),
      ...(remark?.problem === undefined ? undefined : { problem: remark.problem, kind: "unreadable" as const }),
    }
  })
}

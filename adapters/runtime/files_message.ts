/**
 * The files of a unit on their way to a thread and back: columns of numbers and one string. As objects, each would be
 * cloned twice, which costs more than opening it.
 */
import { chunkCount, RECORD_BYTES } from "../../stages/hash/chunk_list.ts"
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import type { Planned, Steps } from "../../stages/plan/plan.ts"
import { type Stored, withoutContent } from "../../stages/plan/stored.ts"
import type { Entry, Metadata, ReaderContent } from "../../stages/walk/entry.ts"
import type { LocalLocator, LocalRoot } from "../files/source/content.ts"

/** What a thread needs to know of the files of a unit. */
export interface FilesMessage {
  readonly roots: ReadonlyArray<LocalRoot>
  /** With NULs between. */
  readonly paths: string
  /** For each: device, inode, mtime and ctime as the walk saw it; then the number of its root. */
  readonly numbers: BigInt64Array<ArrayBuffer>
}

/** What became of them. */
export interface StoredMessage {
  readonly sizes: Float64Array<ArrayBuffer>
  /** Numbers of chunks. */
  readonly counts: Uint32Array<ArrayBuffer>
  /** Their chunk lists, one behind the other. */
  readonly chunks: Uint8Array<ArrayBuffer>
  /** When the plan has a digest: 32 bytes for each, zeros for one that could not be read. */
  readonly digests?: Uint8Array<ArrayBuffer>
  /** What is to be said of a few of them. */
  readonly remarks: ReadonlyArray<Remark>
}

/** Something about one file of a unit. */
export interface Remark {
  readonly at: number
  /** Set when it is not what the walk saw. */
  readonly metadata?: Metadata
  readonly warning?: string
  /** Set when it could not be read. */
  readonly problem?: string
}

const NUMBERS = 5
/** Stands for a time that is not known. */
const UNKNOWN = -(2n ** 63n)

/** The locator of content that a thread can read by itself. */
export const locatorOf = (entry: Entry): LocalLocator => (entry.content as ReaderContent).locator as LocalLocator

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

/** The inverse, on the thread. */
export const locatorsOf = ({ numbers, paths, roots }: FilesMessage): ReadonlyArray<LocalLocator> =>
  paths.split("\0").map((path, i) => ({
    root: roots[Number(numbers[i * NUMBERS + 4])]!,
    path,
    // As the walk gives them: unsigned.
    device: BigInt.asUintN(64, numbers[i * NUMBERS]!),
    inode: BigInt.asUintN(64, numbers[i * NUMBERS + 1]!),
  }))

/** On the thread. */
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
    // Whatever changes a file's metadata changes its times. Of what could not be read, or changed meanwhile, nothing
    // new is known.
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

/** What is handed over with the message, not copied. */
export const memoryOf = ({ chunks, counts, digests, sizes }: StoredMessage): Array<ArrayBuffer> => [
  sizes.buffer,
  counts.buffer,
  chunks.buffer,
  ...(digests === undefined ? [] : [digests.buffer]),
]

/** The inverse of {@link toStoredMessage}. */
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

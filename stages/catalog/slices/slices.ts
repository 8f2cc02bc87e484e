/**
 * A file in slices: short pieces of one length, each stored as a chunk under a name that follows from its content. The
 * names of the slices, one after another, are a content themselves, which is cut into lists of `fanOut` names. The
 * names of the lists are cut into lists again, until one list, the top list, can hold what is left. Its name stands for
 * the whole file.
 *
 * So a file that differs from another in few places costs the slices that differ, and the lists on the way from them to
 * the top. The length of the file tells how many levels and lists there are, and how long each is.
 */
import { taggedError, type TaggedErrorInstance } from "../../kernel/tagged_error.ts"

/** How a file is cut into slices and lists. */
export interface SliceLayout {
  /** Bytes of a slice; only the last may be shorter. From 256 to 2^20. */
  readonly sliceBytes: number
  /** Names in a list; only the last of a level may have fewer. From 2 to 1024. */
  readonly fanOut: number
  /** The most names in the top list: at least `fanOut`, at most 4096. */
  readonly topNames: number
  /** Bytes of a name, as long as a hash of the caller's. From 16 to 64. */
  readonly nameBytes: number
}

/**
 * The layout that was measured to be best for catalogs with pages of 4096 bytes (`bench/results/catalogs.md`). A slice
 * is shorter than a page: a row that changes in place leaves the rest of its page as it is, and hashes do not compress,
 * so the bytes of a slice are what a changed row costs.
 *
 * @example Tell what a file is stored as
 * ```ts
 * import assert from "node:assert/strict"
 * import { CATALOG_SLICES } from "@penstock/penstock"
 *
 * const { fanOut, sliceBytes } = CATALOG_SLICES
 * assert.equal(fanOut * sliceBytes, 16_384) // one list tells this much of the file
 * ```
 */
export const CATALOG_SLICES: SliceLayout = { sliceBytes: 1024, fanOut: 16, topNames: 128, nameBytes: 32 }

/** All that is needed to read a file again. */
export interface SlicedFile extends SliceLayout {
  /** The length of the file in bytes. */
  readonly size: number
  /** The name of the top list; undefined when the file is empty. */
  readonly top: Uint8Array | undefined
}

/** No file in slices is longer, in bytes. A catalog with a billion entries takes a tenth of this. */
export const SLICED_MAXIMUM: number = 2 ** 40

/** Fields of a `SliceError`. */
export interface SliceErrorFields {
  /**
   * - `layout`: the layout or the length is out of bounds.
   * - `corrupt`: a chunk is not what its place demands.
   */
  readonly reason: "layout" | "corrupt"
  /** One sentence. */
  readonly message: string
}
/** A file in slices cannot be read or made. */
export interface SliceError extends TaggedErrorInstance<"SliceError", SliceErrorFields> {}
/**
 * Makes {@linkcode SliceError}s.
 *
 * @example Tell a file that is too long
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { CATALOG_SLICES, openSliced, SliceError } from "@penstock/penstock"
 *
 * const file = { ...CATALOG_SLICES, size: 2 ** 50, top: new Uint8Array(32) }
 * const error = await Effect.runPromise(Effect.flip(openSliced(file, () => Effect.succeed([]))))
 * assert.ok(error instanceof SliceError && error.reason === "layout")
 * ```
 */
export const SliceError: new (fields: SliceErrorFields) => SliceError = taggedError("SliceError")

/** One level of a file: the slices (level 0), or lists of the names of the level below. */
export interface Level {
  /** Bytes of all its chunks together. */
  readonly bytes: number
  /** Bytes of a chunk; the last may be shorter. */
  readonly chunkBytes: number
  /** How many chunks it has. */
  readonly count: number
}

/**
 * The levels of a file of `size` bytes, from the slices to the top list, which is one chunk. An empty file has none.
 * Throws {@link SliceError} `layout` for a size or layout that is out of bounds.
 */
export const levelsOf = (size: number, layout: SliceLayout): ReadonlyArray<Level> => {
  const { fanOut, nameBytes, sliceBytes, topNames } = layout
  const inBounds = (value: number, least: number, most: number): boolean =>
    Number.isSafeInteger(value) && value >= least && value <= most
  if (!inBounds(size, 0, SLICED_MAXIMUM)) throw outOfBounds(`a length of ${size} bytes`)
  if (!inBounds(sliceBytes, 256, 2 ** 20)) throw outOfBounds(`slices of ${sliceBytes} bytes`)
  if (!inBounds(fanOut, 2, 1024)) throw outOfBounds(`lists of ${fanOut} names`)
  if (!inBounds(topNames, fanOut, 4096)) throw outOfBounds(`a top list of ${topNames} names`)
  if (!inBounds(nameBytes, 16, 64)) throw outOfBounds(`names of ${nameBytes} bytes`)
  if (size === 0) return []
  const levels: Array<Level> = [{ bytes: size, chunkBytes: sliceBytes, count: Math.ceil(size / sliceBytes) }]
  for (;;) {
    const { count } = levels[levels.length - 1]!
    const bytes = count * nameBytes
    if (count <= topNames) {
      levels.push({ bytes, chunkBytes: bytes, count: 1 })
      return levels
    }
    levels.push({ bytes, chunkBytes: fanOut * nameBytes, count: Math.ceil(count / fanOut) })
  }
}

/** The length of chunk `index` of a level, in bytes. */
export const bytesOfChunk = ({ bytes, chunkBytes }: Level, index: number): number =>
  Math.min(chunkBytes, bytes - index * chunkBytes)

const outOfBounds = (what: string): SliceError =>
  new SliceError({ reason: "layout", message: `A file in slices cannot have ${what}` })

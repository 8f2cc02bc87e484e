/** Chunks that end where the extents of a file end. */
import type { Chunker, KernelSpec } from "../kernel/kernel.ts"
import { isTrusted, trusted } from "../kernel/trusted.ts"

/** The same chunker, which also cuts where extents end, when the source gives extents. */
export const followingExtents = (inner: Chunker): Chunker => {
  const chunker: Chunker = {
    maximum: inner.maximum,
    cut: (bytes, from, to) => inner.cut(bytes, from, to),
    followsExtents: true,
  }
  return isTrusted(inner) ? trusted(chunker) : chunker
}

/**
 * Cuts content at the ends of its extents, when the source gives them ({@link ReaderContent.extents}), and other
 * content as `inner` does. An extent that is longer than the maximum of `inner` is cut there. For formats that share
 * extents with the file system: cuts then depend on more than the bytes.
 *
 * The name of the kernel is `extents-` and the name of `inner`. Its params are those of `inner`.
 */
export const extentsOr = (inner: KernelSpec<"chunk">): KernelSpec<"chunk"> => ({
  stage: "chunk",
  name: `extents-${inner.name}`,
  params: inner.params,
  make: (params) => followingExtents(inner.make(params)),
})

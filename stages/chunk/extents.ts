import type { Chunker, KernelSpec } from "../kernel/kernel.ts"
import { isTrusted, trusted } from "../kernel/trusted.ts"

/** The chunker, and that content which comes in extents is cut where these end. */
export const followingExtents = (inner: Chunker): Chunker => {
  const chunker: Chunker = {
    maximum: inner.maximum,
    cut: (bytes, from, to) => inner.cut(bytes, from, to),
    followsExtents: true,
  }
  return isTrusted(inner) ? trusted(chunker) : chunker
}

/**
 * Cuts content where its source keeps it in pieces, when the source says so ({@link ReaderContent.extents}), and any
 * other content as `inner` does. Extents beyond the maximum of `inner` are cut there. The kernel is named `extents-`
 * and the name of `inner`, whose params it has. With it, cuts depend on more than the bytes: for formats that share
 * extents with the file system.
 */
export const extentsOr = (inner: KernelSpec<"chunk">): KernelSpec<"chunk"> => ({
  stage: "chunk",
  name: `extents-${inner.name}`,
  params: inner.params,
  make: (params) => followingExtents(inner.make(params)),
})

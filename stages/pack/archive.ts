/** The packing of one snapshot into one object that grows. It is laid out as a pack of any size, see `pack_file.ts`. */
import * as Effect from "effect/Effect"
import { noEncryption } from "../encrypt/none.ts"
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { catching } from "../kernel/catching.ts"
import { KernelError, Kernels, type KernelSpec, makeKernel } from "../kernel/kernel.ts"
import { release } from "../memory/release.ts"
import { ObjectStore, StoreError } from "../store/store.ts"
import { ChunkIndex } from "./chunk_index.ts"
import { PackDirectory } from "./pack_directory.ts"
import { readFooter } from "./pack_ends.ts"
import { encodeTail, type FooterBlock } from "./pack_file.ts"
import { BLOCK_BYTES, freshId, PACK_BYTES, PACK_ID_BYTES, type PackLayout, plainLayout } from "./pack_layout.ts"
import { ciphersOf } from "./sealing.ts"
import { type ChunkLost, type ChunkPlace, type Packer, PackError, type Packing, type Unpacker } from "./packing.ts"

/** The encrypted list of the chunks of an archive has at most this many bytes: about seven million chunks. */
const ARCHIVE_FOOTER_BYTES = 256 << 20

/** Options of {@link archive}. */
export interface ArchiveOptions {
  /** Bytes of chunks that are compressed and encrypted as one block; 1 MiB by default. */
  readonly blockBytes?: number
  /**
   * Encrypts the list of chunks at the end of the archive. Without it, anybody who can read the archive can read it.
   */
  readonly seal?: KernelSpec<"encrypt">
}

/**
 * One object of this name, written once. Chunks are deduplicated within it. Writing fails with StoreError `invalid`
 * when there are more chunks than an archive can list, about seven million.
 *
 * @example Write one object, and read it
 * ```ts
 * import assert from "node:assert"
 * import { archive, blake3, chunk, contents, fixed, hash, memorySourceLayer, pack } from "@penstock/penstock"
 * import { unchunk, unpack, verify, walk } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 * import { Effect, Stream } from "effect"
 *
 * const packing = archive("notes.archive")
 * const program = Effect.gen(function* () {
 *   const stored = yield* walk("").pipe(chunk(fixed({ size: 4096 })), hash(blake3), pack(packing), Stream.runCollect)
 *   const read = Stream.fromIterable(stored).pipe(unpack(packing), verify(blake3), unchunk, contents)
 *   return yield* Stream.runCollect(read)
 * })
 * const tree = memorySourceLayer({ "note.txt": { content: "hello" } })
 * const entries = await Effect.runPromise(Effect.provide(Effect.scoped(program), [tree, memoryStore.layer]))
 * assert.deepEqual(entries.at(-1)!.content, new TextEncoder().encode("hello"))
 * ```
 */
export const archive = (name: string, options: ArchiveOptions = {}): Packing => {
  // The context is the header without the name: an archive may be renamed.
  const objectLayout = plainLayout("", "", "PENSARCH", options.seal ?? noEncryption, (header) => header)
  const layout: PackLayout = {
    packs: objectLayout,
    indexes: objectLayout,
    size: PACK_BYTES,
    blockBytes: options.blockBytes ?? BLOCK_BYTES,
    footerBytes: ARCHIVE_FOOTER_BYTES,
  }
  return { write: writeArchive(name, layout), read: readArchive(name, layout) }
}

const writeArchive = (name: string, { blockBytes, packs: layout }: PackLayout): Packing["write"] =>
  Effect.gen(function* () {
    const store = yield* ObjectStore
    const sealing = yield* layout.fresh
    const cipher = makeKernel(sealing.cipher, yield* Kernels)
    const writer = yield* store.create(name)
    const id = freshId()
    const header = sealing.header(id)
    yield* writer.append(header)
    const index = new ChunkIndex()
    const blocks: Array<FooterBlock> = []
    let bytesStored = header.length
    let bytesAdded = 0
    const packer: Packer = {
      blockBytes,
      index,
      has: (id) => index.get(id) !== undefined,
      claim: (id) => index.claim(id),
      add: (added) =>
        Effect.forEach(added, ({ bytes, chunks, rawLength }) => {
          blocks.push({ length: bytes.length, chunks })
          bytesStored += bytes.length
          bytesAdded += rawLength
          return Effect.tap(writer.append(bytes), () => Effect.sync(() => release(bytes)))
        }, { discard: true }),
      finish: Effect.gen(function* () {
        const tail = yield* catching(
          KernelError,
          () => encodeTail(blocks, { context: sealing.context(id), tag: sealing.tag }, cipher),
        )
        if (tail.length > ARCHIVE_FOOTER_BYTES) {
          const message = `${name} has more chunks than an archive can list: use larger chunks, or packs`
          return yield* new StoreError({ reason: "invalid", object: name, message })
        }
        bytesStored += tail.length
        yield* writer.append(tail)
        yield* writer.commit
      }),
      stats: () => ({ objects: 1, bytesStored, chunksNew: index.size, bytesAdded }),
    }
    return packer
  })

const readArchive = (name: string, layout: PackLayout): Packing["read"] =>
  Effect.gen(function* () {
    const store = yield* ObjectStore
    const { headerLimit } = layout.packs
    const ciphers = ciphersOf(yield* Kernels)
    const { size } = yield* store.stat(name)
    const found = yield* store.get(name, { offset: 0, length: Math.min(size, headerLimit) }).pipe(
      Effect.flatMap((header) =>
        readFooter(layout, store, ciphers, { object: name, id: header.slice(-PACK_ID_BYTES), size })
      ),
      Effect.map(({ blocks, sealing }): PackDirectory | ChunkLost => new PackDirectory(name, sealing, blocks)),
      Effect.catchTag("PackError", (error: PackError) => Effect.succeed<ChunkLost>({ lost: error.message })),
    )
    const unpacker: Unpacker = {
      locate: (list) =>
        Effect.sync(() =>
          Array.from(
            { length: chunkCount(list) },
            (_, i): ChunkPlace | ChunkLost =>
              "lost" in found ? found : found.find(chunkId(list, i)) ?? { lost: `a part of it is not in ${name}` },
          )
        ),
      get: ({ length, object, offset }) => store.get(object, { offset, length }),
    }
    return unpacker
  })

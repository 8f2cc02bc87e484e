/**
 * A lane runs a plan over one content after another: window → chunks → IDs → new chunks gathered into blocks → encoded
 * blocks. All of this is synchronous. The inline executor has one lane, and a pool has one in each thread.
 *
 * Kernels before `chunk` in the plan work on the whole content, in frames. Kernels between `chunk` and `hash` work on
 * each chunk. Kernels after `hash` work on blocks of about `blockBytes` of new chunks. A hasher directly before `chunk`
 * (`digest`) names the whole content.
 *
 * A part of a larger content goes another way: `hold` its bytes, find the `ends` of all its chunks, then `accept` these
 * chunks.
 */
import { ChunkListBuilder } from "../hash/chunk_list.ts"
import { SHORTEST_ZEROS, ZeroIds } from "../hash/zero_ids.ts"
import { type Encode, makeBlockEncoder, makeEncoder, type Seal } from "../kernel/codec.ts"
import { frames, type Transform } from "../kernel/frames.ts"
import { type Hasher, KernelError, type KernelSpec, type KernelTable, makeKernel } from "../kernel/kernel.ts"
import { areZeros } from "../memory/zeros.ts"
import type { Plan } from "../plan/plan.ts"
import { type Block, BlockBuilder, sealBlocks } from "./block.ts"
import { Cutter } from "./cutter.ts"
import { SLICE_BYTES, Window } from "./window.ts"

/** What a lane needs to know of the run. */
export interface LaneOptions {
  /** Chunks are gathered until a block has about this many bytes; 0 gives every chunk a block of its own. */
  readonly blockBytes: number
  /** Claims a chunk. Returns true when the chunk is new and the caller is to store it. */
  readonly claim: (id: Uint8Array) => boolean
  /** Set when blocks are taken only with `takeSealed`: then the last cipher of the plan may seal them later. */
  readonly sealLater?: boolean
}

/** Runs a plan over contents: `begin`, then `push` or `space` and `wrote`, then `end`. */
export class Lane {
  readonly #before: ReadonlyArray<() => Transform>
  /** Names whole contents. */
  readonly #digester: Hasher | undefined
  /** Whether the only chunk of a content has the name that the digester would give. */
  readonly #sameNames: boolean
  readonly #cutter: Cutter
  readonly #middle: ReadonlyArray<Encode>
  readonly #hasher: Hasher
  readonly #zeroIds: ZeroIds
  readonly #claim: LaneOptions["claim"]
  readonly #blocks: BlockBuilder
  readonly #seal: Seal | undefined

  readonly #window: Window = new Window()
  #transforms: ReadonlyArray<Transform> = []
  /** The chunks of the content so far. */
  readonly #list: ChunkListBuilder = new ChunkListBuilder()
  #digesting: ReturnType<Hasher["create"]> | undefined
  #digest: Uint8Array | undefined

  /** Throws KernelError when the plan has no chunker with a hasher after it, or a kernel cannot be made. */
  constructor(plan: Plan, table: KernelTable, { blockBytes, claim, sealLater = false }: LaneOptions) {
    const chunkAt = plan.findIndex((spec) => spec.stage === "chunk")
    const hashAt = plan.findIndex((spec, i) => i > chunkAt && spec.stage === "hash")
    if (chunkAt < 0 || hashAt < chunkAt) {
      throw new KernelError({
        kernel: "plan",
        reason: "unsupported",
        message: "A plan needs a chunker, and a hasher after it",
      })
    }
    const digestAt = plan.findIndex((spec, i) => i === chunkAt - 1 && spec.stage === "hash")
    this.#before = plan.slice(0, digestAt < 0 ? chunkAt : digestAt).map((spec) => {
      const encode = makeEncoder(spec, table)
      return () => frames(spec.name, encode)
    })
    this.#digester = digestAt < 0 ? undefined : makeKernel(plan[digestAt] as KernelSpec<"hash">, table)
    this.#cutter = new Cutter(makeKernel(plan[chunkAt] as KernelSpec<"chunk">, table))
    this.#middle = plan.slice(chunkAt + 1, hashAt).map((spec) => makeEncoder(spec, table))
    this.#hasher = makeKernel(plan[hashAt] as KernelSpec<"hash">, table)
    this.#zeroIds = new ZeroIds(this.#hasher)
    this.#sameNames = digestAt >= 0 && this.#middle.length === 0 && isSameKernel(plan[digestAt]!, plan[hashAt]!)
    this.#claim = claim
    const encoder = makeBlockEncoder(plan.slice(hashAt + 1), table, sealLater)
    this.#seal = encoder.seal
    this.#blocks = new BlockBuilder(encoder, blockBytes)
  }

  /** How many bytes the blocks have that wait to be taken. */
  get readyBytes(): number {
    return this.#blocks.readyBytes
  }

  /** True when content can be read straight into `space`: the plan has no kernel before `chunk`. */
  get direct(): boolean {
    return this.#before.length === 0
  }

  /** The longest that a chunk can be, in bytes. */
  get maximum(): number {
    return this.#cutter.maximum
  }

  /**
   * Starts a content. What an earlier content left unfinished is dropped. `extents`: the lengths of its extents, when
   * they are known.
   */
  begin(extents?: ReadonlyArray<number>): void {
    this.#window.clear()
    this.#cutter.begin(this.direct ? extents : undefined)
    this.#list.take()
    this.#digesting = this.#digest = undefined
    this.#transforms = this.#before.map((start) => start())
  }

  /** Where to put the next bytes of the content, 4 MiB. Only for lanes that are `direct`; followed by `wrote`. */
  space(): Uint8Array {
    return this.#window.space()
  }

  /** This many bytes of `space` are content now. */
  wrote(length: number): void {
    this.#window.hold(length)
    this.#cut(false)
  }

  /** The next bytes of the content. Copies them. */
  push(bytes: Uint8Array): void {
    this.#transform(0, bytes)
  }

  /** Ends the content. Returns its chunks. */
  end(): Uint8Array {
    for (let i = 0; i < this.#transforms.length; i++) {
      for (const piece of this.#transforms[i]!.end()) this.#transform(i + 1, piece)
    }
    this.#cut(true)
    if (this.#digester !== undefined) {
      this.#digest ??= this.#digesting?.digest() ?? this.#digester.digest(new Uint8Array(0))
    }
    return this.#list.take()
  }

  /** After `end`: the name of the content that ended, when the plan has a digest. It belongs to the caller. */
  get digest(): Uint8Array | undefined {
    return this.#digest
  }

  /**
   * This many bytes of `space` belong to a part of a content. They are not cut yet. Returns how many bytes are held.
   */
  hold(length: number): number {
    return this.#window.hold(length)
  }

  /**
   * Where the chunks end that are held, as far as that is certain. With `final`, the content ends with what is held, so
   * all ends are certain.
   */
  ends(final: boolean): ReadonlyArray<number> {
    const ends: Array<number> = []
    this.#cutter.cut(this.#window, final, (_from, to) => void ends.push(to))
    return ends
  }

  /** Takes the chunk from `from` to `to` of a part: these are two ends that follow each other in `ends`. */
  accept(from: number, to: number): void {
    this.#add(this.#window.bytes.subarray(from, to), false)
  }

  /** Ends a part after its last chunk was accepted. Returns its chunks. */
  endPart(): Uint8Array {
    this.#window.clear()
    return this.#list.take()
  }

  /** Takes a single chunk that was cut elsewhere. Copies it. */
  addChunk(chunk: Uint8Array): void {
    this.#add(chunk, false)
    this.#list.take()
  }

  /** Makes a block of the chunks that are gathered. After that, all claimed chunks are in blocks that can be taken. */
  flush(): void {
    this.#blocks.flush()
  }

  /** Takes the blocks that are ready. They belong to the caller. Only for lanes without `sealLater`. */
  take(): ReadonlyArray<Block> {
    return this.#blocks.take()
  }

  /** Takes the blocks that are ready, sealed. They belong to the caller. Rejects with KernelError. */
  takeSealed(): Promise<ReadonlyArray<Block>> {
    return sealBlocks(this.#blocks.take(), this.#seal)
  }

  #transform(stage: number, bytes: Uint8Array): void {
    if (stage < this.#transforms.length) {
      for (const piece of this.#transforms[stage]!.push(bytes)) this.#transform(stage + 1, piece)
      return
    }
    for (let at = 0; at < bytes.length;) {
      const space = this.#window.space(Math.min(SLICE_BYTES, bytes.length - at))
      const length = Math.min(space.length, bytes.length - at)
      space.set(bytes.subarray(at, at + length))
      at += length
      this.wrote(length)
    }
  }

  /** Takes all chunks out of the window whose ends are certain. */
  #cut(final: boolean): void {
    const { bytes, held } = this.#window
    const end = this.#cutter.cut(this.#window, final, (from, to) => {
      this.#add(bytes.subarray(from, to), final && to === held && this.#list.count === 0)
    })
    this.#window.drop(end)
  }

  /** Names a chunk, and hands it on when it is new. `whole`: the chunk is the whole content. */
  #add(raw: Uint8Array, whole: boolean): void {
    const named = whole && this.#sameNames
    if (this.#digester !== undefined && !named) (this.#digesting ??= this.#digester.create()).update(raw)
    const bytes = this.#middle.reduce((b, encode) => encode(b), raw)
    const id = this.#idOf(bytes)
    if (named) this.#digest = id
    this.#list.add(id, bytes.length)
    if (this.#claim(id)) this.#blocks.add(id, bytes)
  }

  /** The ID of a chunk. Zeros are hashed once. */
  #idOf(chunk: Uint8Array): Uint8Array {
    const zeros = chunk.length >= SHORTEST_ZEROS && areZeros(chunk) ? this.#zeroIds.get(chunk.length) : undefined
    return zeros?.slice() ?? this.#hasher.digest(chunk)
  }
}

/** Compares the parameters one by one, because on a thread they are copies. */
const isSameKernel = (a: KernelSpec, b: KernelSpec): boolean =>
  a.name === b.name && Object.keys({ ...a.params, ...b.params }).every((key) => a.params[key] === b.params[key])

/**
 * A lane runs a plan over one content after another: window → chunks → IDs → new chunks gathered into blocks → sealed
 * blocks. All of it synchronous, all of it bytes; an executor has one lane, or one in each worker.
 *
 * What is before `chunk` in the plan works on the content as a whole, in frames; what is between `chunk` and `hash` on
 * each chunk; what is after `hash` on blocks of about `blockBytes` of new chunks. A hasher directly before `chunk`
 * (`digest`) names the content as a whole.
 *
 * A part of a larger content goes another way: `hold` its bytes, find all `ends` of its chunks, then `accept` these
 * chunks.
 */
import { ChunkListBuilder } from "../hash/chunk_list.ts"
import { frames, type Transform } from "../kernel/frames.ts"
import {
  type Chunker,
  type Cipher,
  type Compressor,
  type Hasher,
  KernelError,
  type KernelSpec,
  type KernelTable,
  makeKernel,
} from "../kernel/kernel.ts"
import type { Plan } from "../plan/plan.ts"
import { release } from "../memory/release.ts"
import { isTrusted } from "../kernel/trusted.ts"

/** What is compressed and encrypted as one, and stored as one piece of a pack. */
export interface Block {
  /** The chunks in it, in order: a chunk list. */
  readonly chunks: Uint8Array
  /** Sum of the chunks' lengths. */
  readonly rawLength: number
  /** As it is to be stored. */
  readonly bytes: Uint8Array
}

/** What a lane needs to know of the run. */
export interface LaneOptions {
  /** Chunks are gathered until a block has about this many bytes; 0 gives every chunk a block of its own. */
  readonly blockBytes: number
  /** Claims a chunk: true when it is new and the caller is to store it. */
  readonly claim: (id: Uint8Array) => boolean
  /** Whoever takes the blocks can wait for them to be sealed: see `Lane.sealLater`. */
  readonly sealLater?: boolean
}

/** A codec as one function. */
export type Encode = (bytes: Uint8Array) => Uint8Array

const NONE = new Uint8Array(0)

/** A block has no more chunks than this, however small they are: so lists of them have a limit. */
const BLOCK_CHUNKS = 1 << 16

/** How much the window grows at once, and how much of a content is read at once. */
const SLICE_BYTES = 4 << 20

export class Lane {
  readonly #before: ReadonlyArray<() => Transform>
  /** Names whole contents. */
  readonly #digester: Hasher | undefined
  /** Whether the only chunk of a content has the name that the digester would give. */
  readonly #sameNames: boolean
  readonly #chunker: Chunker
  readonly #middle: ReadonlyArray<Encode>
  readonly #hasher: Hasher
  readonly #after: ReadonlyArray<Encode>
  readonly #options: LaneOptions

  /**
   * Set when blocks are not sealed by the last cipher of the plan, but by this, after they were taken: only with the
   * option of that name and where the cipher has it.
   */
  readonly sealLater: ((bytes: Uint8Array) => Promise<Uint8Array>) | undefined

  /** What a chunker that is not trusted sees: it may write there. */
  #shown: Uint8Array = NONE
  #window: Uint8Array = NONE
  #held = 0
  #transforms: ReadonlyArray<Transform> = []
  readonly #list: ChunkListBuilder = new ChunkListBuilder()
  #digesting: ReturnType<Hasher["create"]> | undefined
  #digest: Uint8Array | undefined

  /** Extents of the content, the one that the next byte is in, and how much of that is cut off. */
  #extents: ReadonlyArray<number> = []
  #extent = 0
  #ofExtent = 0

  #gather: Uint8Array = NONE
  #gathered = 0
  readonly #gatherList: ChunkListBuilder = new ChunkListBuilder()

  #ready: Array<Block> = []
  #readyBytes = 0

  constructor(plan: Plan, table: KernelTable, options: LaneOptions) {
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
    const encoders = (specs: Plan): ReadonlyArray<Encode> => specs.map((spec) => encoder(spec, table))
    this.#before = plan.slice(0, digestAt < 0 ? chunkAt : digestAt).map((spec) => {
      const encode = encoder(spec, table)
      return () => frames(spec.name, encode)
    })
    this.#digester = digestAt < 0 ? undefined : makeKernel(plan[digestAt] as KernelSpec<"hash">, table)
    this.#chunker = makeKernel(plan[chunkAt] as KernelSpec<"chunk">, table)
    this.#middle = encoders(plan.slice(chunkAt + 1, hashAt))
    this.#hasher = makeKernel(plan[hashAt] as KernelSpec<"hash">, table)
    this.#sameNames = digestAt >= 0 && this.#middle.length === 0 && sameKernel(plan[digestAt]!, plan[hashAt]!)
    const after = plan.slice(hashAt + 1)
    const last = after.at(-1)
    const cipher = options.sealLater === true && last?.stage === "encrypt"
      ? makeKernel(last as KernelSpec<"encrypt">, table)
      : undefined
    this.sealLater = cipher?.sealLater && ((bytes) => cipher.sealLater!(bytes))
    this.#after = encoders(this.sealLater === undefined ? after : after.slice(0, -1))
    this.#options = options
  }

  /** Stored bytes of the blocks that wait to be taken. */
  get readyBytes(): number {
    return this.#readyBytes
  }

  /** Starts a content, of those extents when they are known; what an earlier one left unfinished is dropped. */
  begin(extents?: ReadonlyArray<number>): void {
    this.#held = 0
    this.#extents = this.#chunker.followsExtents === true && this.direct
      ? extents?.filter((length) => length > 0) ?? []
      : []
    this.#extent = this.#ofExtent = 0
    this.#list.take()
    this.#digesting = this.#digest = undefined
    this.#transforms = this.#before.map((start) => start())
  }

  /**
   * Where to put the next bytes of the content: at least 64 KiB, at most 4 MiB. Only for plans without stages before
   * `chunk` (see `direct`); followed by `wrote`.
   */
  space(): Uint8Array {
    return this.#room(SLICE_BYTES)
  }

  /** True when content can be read straight into `space`. */
  get direct(): boolean {
    return this.#before.length === 0
  }

  /** The longest that a chunk can be, in bytes. */
  get maximum(): number {
    return this.#chunker.maximum
  }

  /** So many bytes of `space` are of a part of a content. They are not cut yet. Returns how many bytes are held. */
  hold(length: number): number {
    return this.#held += length
  }

  /** Where the chunks end that are held, as far as it is certain; all, when the content ends with what is held. */
  ends(final: boolean): ReadonlyArray<number> {
    const { maximum } = this.#chunker
    const ends: Array<number> = []
    const more = (from: number): boolean => final ? from < this.#held : this.#held - from >= maximum
    if (!more(0)) return ends
    const seen = this.#seen()
    for (let from = 0; more(from);) ends.push(from = this.#chunker.cut(seen, from, this.#held))
    return ends
  }

  /** Takes the chunk of a part from `from` to `to`, two neighbours among its `ends`. */
  accept(from: number, to: number): void {
    this.#chunk(this.#window.subarray(from, to), false)
  }

  /** Ends a part after its last chunk was accepted: its chunks. */
  endPart(): Uint8Array {
    this.#held = 0
    return this.#list.take()
  }

  /** So many bytes of `space` are content now. */
  wrote(length: number): void {
    this.#held += length
    this.#cut(false)
  }

  /** The next bytes of the content. Copies them. */
  push(bytes: Uint8Array): void {
    this.#transform(0, bytes)
  }

  /** Ends the content: its chunks. */
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

  /** After `end`: the name of the content that ended, when the plan has a digest. The caller's. */
  get digest(): Uint8Array | undefined {
    return this.#digest
  }

  /** Seals what is gathered, so that every chunk claimed so far is in a block that can be taken. */
  flush(): void {
    if (this.#gatherList.count === 0) return
    this.#seal(this.#gatherList.take(), this.#gather.subarray(0, this.#gathered))
    this.#gathered = 0
  }

  /** The blocks that are ready; they are the caller's. */
  take(): ReadonlyArray<Block> {
    const blocks = this.#ready
    this.#ready = []
    this.#readyBytes = 0
    return blocks
  }

  #transform(stage: number, bytes: Uint8Array): void {
    if (stage < this.#transforms.length) {
      for (const piece of this.#transforms[stage]!.push(bytes)) this.#transform(stage + 1, piece)
      return
    }
    for (let at = 0; at < bytes.length;) {
      const room = this.#room(Math.min(SLICE_BYTES, bytes.length - at))
      const take = Math.min(room.length, bytes.length - at)
      room.set(bytes.subarray(at, at + take))
      at += take
      this.#held += take
      this.#cut(false)
    }
  }

  #room(want: number): Uint8Array {
    if (this.#window.length - this.#held < want) {
      const grown = new Uint8Array(
        Math.max(this.#held + SLICE_BYTES, Math.min(this.#held * 2, this.#held + 64 * SLICE_BYTES)),
      )
      grown.set(this.#window.subarray(0, this.#held))
      release(this.#window)
      this.#window = grown
    }
    return this.#window.subarray(this.#held, Math.min(this.#window.length, this.#held + SLICE_BYTES))
  }

  /** Takes all chunks out of the window whose ends are certain. */
  #cut(final: boolean): void {
    const { maximum } = this.#chunker
    const end = this.#held
    let from = 0
    let seen: Uint8Array | undefined
    while (final ? from < end : end - from >= maximum) {
      const to = this.#endOfChunk(seen ??= this.#seen(), from, end)
      this.#chunk(this.#window.subarray(from, to), final && to === end && this.#list.count === 0)
      from = to
    }
    if (from > 0) this.#window.copyWithin(0, from, end)
    this.#held = end - from
  }

  /** The content at hand for the chunker to look at. */
  #seen(): Uint8Array {
    if (isTrusted(this.#chunker)) return this.#window
    if (this.#shown.length < this.#held) this.#shown = new Uint8Array(this.#window.length)
    this.#shown.set(this.#window.subarray(0, this.#held))
    return this.#shown
  }

  #endOfChunk(seen: Uint8Array, from: number, end: number): number {
    const extent = this.#extents[this.#extent]
    if (extent === undefined) return this.#chunker.cut(seen, from, end)
    const length = Math.min(extent - this.#ofExtent, this.#chunker.maximum, end - from)
    this.#ofExtent += length
    if (this.#ofExtent === extent) {
      this.#extent++
      this.#ofExtent = 0
    }
    return from + length
  }

  /** `whole`: it is all of the content. */
  #chunk(raw: Uint8Array, whole: boolean): void {
    const named = whole && this.#sameNames
    if (this.#digester !== undefined && !named) (this.#digesting ??= this.#digester.create()).update(raw)
    const bytes = this.#middle.reduce((b, encode) => encode(b), raw)
    const id = this.#hasher.digest(bytes)
    if (named) this.#digest = id
    this.#list.add(id, bytes.length)
    if (!this.#options.claim(id)) return
    const { blockBytes } = this.#options
    if (this.#gathered + bytes.length > blockBytes || this.#gatherList.count >= BLOCK_CHUNKS) this.flush()
    if (this.#gather.length < blockBytes) this.#gather = new Uint8Array(blockBytes)
    this.#gatherList.add(id, bytes.length)
    if (bytes.length >= blockBytes) {
      // A block of its own. It may be a view of the window when nothing encodes it, so that it is copied then.
      this.#seal(this.#gatherList.take(), bytes)
    } else {
      this.#gather.set(bytes, this.#gathered)
      this.#gathered += bytes.length
    }
  }

  #seal(chunks: Uint8Array, raw: Uint8Array): void {
    let bytes = raw
    for (const encode of this.#after) {
      const encoded = encode(bytes)
      if (bytes.buffer !== raw.buffer && bytes.buffer !== encoded.buffer) release(bytes)
      bytes = encoded
    }
    // What shares memory with the window or with what is gathered is copied: that memory is used again.
    if (bytes.buffer === raw.buffer || bytes.buffer === this.#window.buffer) bytes = bytes.slice()
    this.#ready.push({ chunks, rawLength: raw.length, bytes })
    this.#readyBytes += bytes.length
  }
}

/** Compares params one by one: on a thread they are copies. */
const sameKernel = (a: KernelSpec, b: KernelSpec): boolean =>
  a.name === b.name && Object.keys({ ...a.params, ...b.params }).every((key) => a.params[key] === b.params[key])

const encoder = (spec: KernelSpec, table: KernelTable): Encode => {
  switch (spec.stage) {
    case "compress":
      return (makeKernel(spec, table) as Compressor).encode
    case "encrypt": {
      const cipher = makeKernel(spec, table) as Cipher
      return (bytes) => cipher.seal(bytes)
    }
    default:
      throw new KernelError({ kernel: spec.name, reason: "unsupported", message: `A plan has one ${spec.stage} stage` })
  }
}

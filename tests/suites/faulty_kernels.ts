/**
 * Kernels as somebody might get them wrong, each a good one with one fault. A thread can make them: the module's
 * default export does.
 */
import { concat } from "effect/Bytes"
import { adaptive } from "../../stages/compress/adaptive.ts"
import { gzip } from "../../stages/compress/gzip.ts"
import { fixed } from "../../stages/chunk/fixed.ts"
import { randomNonces } from "../../stages/encrypt/aead.ts"
import { portableChacha } from "../../stages/encrypt/chacha20poly1305.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import type {
  Chunker,
  Cipher,
  Compressor,
  Hasher,
  KernelOf,
  KernelSpec,
  KernelStage,
} from "../../stages/kernel/kernel.ts"

type Faults<K> = Readonly<Record<string, (inner: K) => K>>

const cutting = (cut: (from: number, to: number, good: number) => unknown) => (inner: Chunker): Chunker => ({
  ...inner,
  cut: (bytes, from, to) => cut(from, to, inner.cut(bytes, from, to)) as number,
})
const chunk: Faults<Chunker> = {
  "ends beyond the content": cutting((_from, to) => to + 1),
  "ends nowhere": cutting(() => NaN),
  "ends at the start of the content": cutting(() => 0),
  "ends where it began": cutting((from) => from),
  "ends before it began": cutting((from) => from - 1),
  "ends within a byte": cutting((from) => from + 0.5),
  "ends at a text": cutting((_from, to) => String(to)),
  "ends at a bigint": cutting((_from, to) => BigInt(to)),
  "gives nothing": cutting(() => undefined),
  "gives a chunk that is too long": (inner) => ({ ...inner, maximum: 16 }),
  "has no longest chunk": (inner) => ({ ...inner, maximum: NaN }),
  "has an empty longest chunk": (inner) => ({ ...inner, maximum: 0 }),
  "throws": cutting(() => {
    throw new TypeError("cut is not possible")
  }),
  "writes into the content": (inner) => ({
    ...inner,
    cut: (bytes, from, to) => {
      bytes.fill(0x55, from, to)
      return inner.cut(bytes, from, to)
    },
  }),
}

const naming = (change: (id: Uint8Array, bytes: Uint8Array) => unknown) => (inner: Hasher): Hasher => ({
  digest: (bytes) => change(inner.digest(bytes), bytes) as Uint8Array,
  create: () => {
    const pieces: Array<Uint8Array> = []
    return {
      update: (bytes) => void pieces.push(bytes.slice()),
      digest: () => {
        const bytes = concat(pieces)
        return change(inner.digest(bytes), bytes) as Uint8Array
      },
    }
  },
})
const reused = new Uint8Array(32)
const hash: Faults<Hasher> = {
  "gives a short name": naming((id) => id.subarray(1)),
  "gives a long name": naming((id) => Uint8Array.of(...id, 0)),
  "gives an empty name": naming(() => new Uint8Array(0)),
  "gives a text": naming((id) => Array.from(id, (byte) => String.fromCharCode(byte)).join("")),
  "gives numbers": naming((id) => Array.from(id)),
  "gives nothing": naming(() => undefined),
  "names everything the same": naming(() => new Uint8Array(32)),
  "names by length": naming((_id, bytes) => new Uint8Array(32).fill(bytes.length)),
  "looks at the start only": (inner) => naming((_id, bytes) => inner.digest(bytes.subarray(0, 64)))(inner),
  "never gives a name twice": naming(() => crypto.getRandomValues(new Uint8Array(32))),
  "gives another name in pieces": (inner) => ({
    ...inner,
    create: () => {
      const state = inner.create()
      return {
        ...state,
        digest: () => {
          const id = state.digest()
          id[0]! ^= 1
          return id
        },
      }
    },
  }),
  "gives the same memory each time": naming((id) => {
    reused.set(id)
    return reused
  }),
  "writes into the content": naming((id, bytes) => {
    bytes.fill(0x55)
    return id
  }),
  "throws": naming(() => {
    throw new TypeError("digest is not possible")
  }),
}

const encoding = (change: (out: Uint8Array, bytes: Uint8Array) => unknown) => (inner: Compressor): Compressor => ({
  encode: (bytes) => change(inner.encode(bytes), bytes) as Uint8Array,
  decode: (bytes, limit) => inner.decode(bytes, limit),
})
const scratch = new Uint8Array(2 << 20)
const compress: Faults<Compressor> = {
  "cuts off the end": encoding((out) => out.subarray(0, -1)),
  "gives no bytes": encoding(() => new Uint8Array(0)),
  "gives what it got": encoding((_out, bytes) => bytes),
  "changes a byte": encoding((out) => {
    const other = out.slice()
    other[out.length >> 1]! ^= 1
    return other
  }),
  "gives a text": encoding((out) => Array.from(out, (byte) => String.fromCharCode(byte)).join("")),
  "gives nothing": encoding(() => undefined),
  "gives more than may be read": encoding((out) => {
    const long = new Uint8Array(4 << 20)
    long.set(out)
    return long
  }),
  "forgets half of it": (inner) => ({ ...inner, encode: (bytes) => inner.encode(bytes.subarray(bytes.length >> 1)) }),
  "is right once": (inner) => {
    let n = 0
    return encoding((out) => n++ === 0 ? out : out.subarray(1))(inner)
  },
  "gives the same memory each time": encoding((out) => {
    scratch.set(out)
    return scratch.subarray(0, out.length)
  }),
  "writes into the content": encoding((out, bytes) => {
    const own = out.slice()
    bytes.fill(0x55)
    return own
  }),
  "encodes what it wrote into the content": (inner) => ({
    ...inner,
    encode: (bytes) => inner.encode(bytes.fill(0x55)),
  }),
  "throws": encoding(() => {
    throw new TypeError("encode is not possible")
  }),
}

const sealing =
  (change: (sealed: Uint8Array, bytes: Uint8Array) => unknown) => ({ sealLater: _, ...inner }: Cipher): Cipher => ({
    ...inner,
    seal: (bytes, aad) => change(inner.seal(bytes, aad), bytes) as Uint8Array,
  })
const encrypt: Faults<Cipher> = {
  "cuts off the end": sealing((sealed) => sealed.subarray(0, -1)),
  "gives a byte more": sealing((sealed) => Uint8Array.of(...sealed, 0)),
  "changes a byte": sealing((sealed) => {
    sealed[sealed.length >> 1]! ^= 1
    return sealed
  }),
  "gives zeros": sealing((sealed) => new Uint8Array(sealed.length)),
  "gives a text": sealing((sealed) => "x".repeat(sealed.length)),
  "gives nothing": sealing(() => undefined),
  "is right once": (inner) => {
    let n = 0
    return sealing((sealed) => n++ === 0 ? sealed : sealed.fill(0))(inner)
  },
  "says less overhead than it has": (inner) => ({ ...sealing((sealed) => sealed)(inner), overhead: 0 }),
  "says no overhead": (inner) => ({ ...sealing((sealed) => sealed)(inner), overhead: NaN }),
  "seals under another key each time": ({ sealLater: _, ...inner }) => ({
    ...inner,
    seal: (bytes) => randomNonces("x", portableChacha(crypto.getRandomValues(new Uint8Array(32))), 12).seal(bytes),
  }),
  "seals later, and wrong": (inner) => ({
    ...inner,
    sealLater: (bytes, aad) => Promise.resolve(inner.seal(bytes, aad).fill(0)),
  }),
  "seals never": (inner) => ({ ...inner, sealLater: () => Promise.reject(new TypeError("seal is not possible")) }),
  "writes into the content": sealing((sealed, bytes) => {
    bytes.fill(0x55)
    return sealed
  }),
  "seals what it wrote into the content": (inner) => ({
    ...sealing((sealed) => sealed)(inner),
    seal: (bytes, aad) => inner.seal(bytes.fill(0x55), aad),
  }),
  "throws": sealing(() => {
    throw new TypeError("seal is not possible")
  }),
}

/** All faults, by stage. */
export const faults: { readonly [S in KernelStage]: Faults<KernelOf[S]> } = { chunk, hash, compress, encrypt }

/** Names of all faults. */
export const allFaults: ReadonlyArray<{ readonly stage: KernelStage; readonly fault: string }> = Object.entries(faults)
  .flatMap(([stage, of]) => Object.keys(of).map((fault) => ({ stage: stage as KernelStage, fault })))

/** A kernel with a fault. */
export const withFault = (stage: KernelStage, fault: string, inner: KernelOf[KernelStage]): KernelOf[KernelStage] =>
  faults[stage][fault]!(inner as never)

const good: { readonly [S in KernelStage]: () => KernelOf[S] } = {
  chunk: () => fixed({ size: 5000 }).make({ size: 5000 } as never),
  hash: () => sha256.make({} as never),
  compress: () => adaptive(gzip()).make({ level: 6 } as never),
  encrypt: () => randomNonces("own", portableChacha(new Uint8Array(32)), 12),
}

interface Params {
  readonly stage: KernelStage
  /** None: it is right, though nobody says so. */
  readonly fault?: string
}

const make = ({ fault, stage }: Params): KernelOf[KernelStage] => {
  const inner = good[stage]()
  return fault === undefined ? { ...inner } : withFault(stage, fault, inner)
}
export default make

/** The kernel `own` of a stage, with a fault. */
export const ownKernel = <S extends KernelStage>(stage: S, fault?: string): KernelSpec<S> => ({
  stage,
  name: "own",
  params: fault === undefined ? { stage } : { stage, fault },
  make: make as never,
  module: import.meta.url,
})

/** Writes objects of any size. SPEC.md, "Objects". */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { FRAME_BYTES } from "../../../stages/kernel/frames.ts"
import { KernelError } from "../../../stages/kernel/kernel.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { encodeHeader, ENCRYPTION } from "../header.ts"
import { type FrameCodec, frameCodec, maximumFrame } from "./frames.ts"
import { BLOCK_VERSION_0, type Layout, type ObjectMagic } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** What is known of an object before its data is written. */
export interface NewObject {
  readonly magic: ObjectMagic
  readonly name: string
  /** As many as its kind has. */
  readonly sections: ReadonlyArray<Uint8Array>
  /** The ID of the data. The header has it when objects are not encrypted. */
  readonly dataId: Uint8Array
}

/** Bytes in the encryption header of an object that is not encrypted: the ID, and the authentication code. */
export const PLAIN_PAYLOAD = 64
/** Bytes in the encryption header of an object that is: the ID of the repository, and the salt. */
export const SEALED_PAYLOAD = 32

/**
 * The authentication code of an object that is not encrypted: 32 bytes, over the header (with these 32 bytes zero), the
 * name and the sections, each with its length. The header has the ID of the data, so the code covers that, too.
 */
export const authenticate = (
  layout: Layout,
  header: Uint8Array,
  name: string,
  sections: ReadonlyArray<Uint8Array>,
): Uint8Array => {
  const state = layout.mac.create()
  const add = (bytes: Uint8Array): void => {
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, bytes.length, true)
    state.update(length)
    state.update(bytes)
  }
  const zeroed = header.slice()
  zeroed.fill(0, MAC_AT, MAC_AT + 32)
  add(zeroed)
  add(new TextEncoder().encode(name))
  for (const section of sections) add(section)
  return state.digest()
}

/** Where the code begins: after magic, version, method, length and ID. */
export const MAC_AT: number = 9 + 3 + 32

/** Turns an object into the bytes that are stored. */
export class ObjectEncoder {
  /** The stored bytes of header and sections. */
  readonly head: Uint8Array
  readonly #codec: FrameCodec
  /** The frame that is being filled. It grows, because most objects are small. */
  #held: Uint8Array = new Uint8Array(4 << 10)
  #length = 0
  #number: number

  constructor(layout: Layout, { dataId, magic, name, sections }: NewObject) {
    const plain = layout.encryption === ENCRYPTION.none
    const payload = new Uint8Array(plain ? PLAIN_PAYLOAD : SEALED_PAYLOAD)
    payload.set(plain ? dataId : layout.repository)
    if (!plain) payload.set(layout.random(16), 16)
    const encryption = { method: layout.encryption, payload }
    const compression = { method: layout.compression, payload: new Uint8Array(0) }
    const header = encodeHeader(magic, BLOCK_VERSION_0, encryption, compression)
    if (plain) header.set(authenticate(layout, header, name, sections), MAC_AT)
    this.#codec = frameCodec(layout, magic, name, { encryption, compression }, header)
    this.#number = sections.length
    const sealed = sections.map((section, i) => prefixed(this.#codec.encode(section, i, false), maximumFrame(true)))
    this.head = join([header, ...sealed])
  }

  /** Adds bytes of the data. Gives the bytes to store next, which may share memory with them. */
  push(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
    if (!this.#codec.framed) return bytes.length === 0 ? [] : [bytes]
    const out: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length;) {
      // A full frame waits for the next byte: until then it may be the last.
      if (this.#length === FRAME_BYTES) out.push(this.#frame(false))
      const take = Math.min(bytes.length - at, FRAME_BYTES - this.#length)
      if (this.#length + take > this.#held.length) {
        const grown = new Uint8Array(Math.min(FRAME_BYTES, Math.max(this.#held.length * 4, this.#length + take)))
        grown.set(this.#held.subarray(0, this.#length))
        this.#held = grown
      }
      this.#held.set(bytes.subarray(at, at + take), this.#length)
      this.#length += take
      at += take
    }
    return out
  }

  /** Ends the data. Gives the rest of the bytes to store. */
  end(): ReadonlyArray<Uint8Array> {
    return this.#codec.framed ? [this.#frame(true)] : []
  }

  #frame(last: boolean): Uint8Array {
    const sealed = this.#codec.encode(this.#held.subarray(0, this.#length), this.#number++, last)
    const frame = prefixed(sealed, maximumFrame(false))
    this.#length = 0
    return frame
  }
}

/** An object that is being written. */
export interface ObjectSink {
  /** Appends to the data. `bytes` belong to the caller again when the effect ends. */
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, StoreError>
  /** Ends the object, and gives the bytes stored. Fails with `exists` when another object has the name. */
  readonly finish: Effect.Effect<number, StoreError>
}

/** Starts an object. Nothing of it remains when the scope closes before `finish`. */
export const startObject: (
  opened: Opened,
  object: NewObject,
) => Effect.Effect<ObjectSink, StoreError, Scope.Scope> = Effect.fnUntraced(function* ({ layout, store }, object) {
  const writer = yield* store.create(object.name)
  const encoder = new ObjectEncoder(layout, object)
  let stored = 0
  const put = Effect.fnUntraced(function* (parts: ReadonlyArray<Uint8Array>) {
    for (const part of parts) {
      stored += part.length
      yield* writer.append(part)
    }
  })
  yield* put([encoder.head])
  const sink: ObjectSink = {
    append: (bytes) => Effect.suspend(() => put(encoder.push(bytes))),
    finish: Effect.suspend(() => put(encoder.end())).pipe(
      Effect.andThen(writer.commit),
      Effect.map(() => stored),
    ),
  }
  return sink
})

/** A frame after its length. Throws KernelError `limit` when it is too long to be read again. */
const prefixed = (body: Uint8Array, maximum: number): Uint8Array => {
  if (body.length > maximum) {
    const message = `A frame has ${body.length} bytes as it is stored, which must be ${maximum} at most`
    throw new KernelError({ kernel: "frame", reason: "limit", message })
  }
  const out = new Uint8Array(4 + body.length)
  new DataView(out.buffer).setUint32(0, body.length, true)
  out.set(body, 4)
  return out
}

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/**
 * A reader of rozen repositories, block version 1, written from formats/rozen/SPEC.md alone: it imports nothing of
 * Penstock. If it cannot read something, or reads it differently, SPEC.md or the library is wrong. Section numbers are
 * those of SPEC.md.
 */
// On one runtime: repositories are the same on all, as tests/formats/rozen/interchange.test.ts shows.
import { blake3 } from "@noble/hashes/blake3.js"
import { bech32, bech32m } from "@scure/base"
import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption"
import { decompress } from "fzstd"
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  scryptSync,
  verify,
} from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { after, before, test } from "node:test"
import { stateHome } from "../state.ts"

const ascii = (text: string): Buffer => Buffer.from(text, "ascii")
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const number = (big: bigint): number => Number(big)

// 2. JSON objects
const canonical = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`, "utf8")
const readJson = <A>(bytes: Buffer): A => {
  const value = JSON.parse(bytes.toString("utf8")) as A
  assert.deepEqual(canonical(value), bytes)
  return value
}

// 4. Sealing
const open = (key: Uint8Array, sealed: Buffer, aad: Uint8Array = Buffer.alloc(0)): Buffer => {
  const aes = (blocks: Uint8Array): Buffer => {
    const cipher = createCipheriv("aes-256-ecb", key, null)
    cipher.setAutoPadding(false)
    return Buffer.concat([cipher.update(blocks), cipher.final()])
  }
  const nonce = sealed.subarray(0, 24)
  const l = BigInt(`0x${hex(aes(Buffer.alloc(16)))}`)
  const k1 = ((l << 1n) & ((1n << 128n) - 1n)) ^ (l >> 127n === 1n ? 0x87n : 0n)
  const blocks = [1, 2].map((n) => {
    const m = BigInt(`0x${hex(Buffer.concat([Buffer.from([0, n, 0x58, 0]), nonce.subarray(0, 12)]))}`)
    return aes(Buffer.from((m ^ k1).toString(16).padStart(32, "0"), "hex"))
  })
  const tag = sealed.subarray(-16)
  const decipher = createDecipheriv("aes-256-gcm", Buffer.concat(blocks), nonce.subarray(12), { authTagLength: 16 })
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  return Buffer.concat([decipher.update(sealed.subarray(24, -16)), decipher.final()])
}

// 5. Compression
const inflate = (bytes: Buffer): Buffer => {
  if (bytes[0] === 0) return bytes.subarray(1)
  assert.equal(bytes[0], 1)
  return Buffer.from(decompress(bytes.subarray(1)))
}

// 7. Chunk lists
interface Chunk {
  readonly id: string
  readonly length: number
}
const chunkList = (bytes: Buffer): Array<Chunk> => {
  assert.equal(bytes.length % 36, 0)
  return Array.from({ length: bytes.length / 36 }, (_, i) => ({
    id: hex(bytes.subarray(36 * i, 36 * i + 32)),
    length: bytes.readUInt32LE(36 * i + 32),
  }))
}

interface Block {
  readonly offset: number
  readonly length: number
  readonly chunks: ReadonlyArray<Chunk>
}

interface Pack {
  readonly name: string
  readonly tag: string
  readonly size: number
  readonly footerLength: number
  readonly blocks: ReadonlyArray<Block>
}

interface Record {
  readonly id: string
  readonly time: number
  readonly paths: ReadonlyArray<string>
  readonly parent?: string
  readonly files: number
  readonly directories: number
  readonly bytes: number
  readonly log: { readonly segments: number; readonly full: boolean; readonly changes: number }
}

interface Snapshot {
  readonly record: Record
  /** The SQLite file. */
  readonly catalog: Buffer
}

/** 6. The additional data of what is encrypted in an object. */
const context = (header: Buffer, name: string): Buffer => Buffer.concat([header, ascii(name)])

/** 2. What opens a lock: a password, the file key of an age header, or the bytes of a key file. */
type Secret =
  | { readonly password: string }
  | { readonly fileKey: (header: Buffer) => Promise<Uint8Array | undefined> }
  | { readonly keyFile: Buffer }

interface Lock {
  readonly version: number
  readonly kind: string
  readonly n: number
  readonly r: number
  readonly p: number
  readonly salt: string
  readonly header: string
  readonly sealed: string
  readonly check: string
}

/** 2. The members of each kind. */
const KINDS: { readonly [kind: string]: ReadonlyArray<string> } = {
  "password": ["kdf", "n", "r", "p", "salt"],
  "age": ["recipient", "header"],
  "key-file": [],
}

/** 2. Whom a key believes, and its seed. */
interface Payload {
  readonly id: string
  readonly owner: string
  readonly epoch: number
  readonly seed: string
}

/** 3. Derives a key for a purpose. */
const derived = (from: Uint8Array, purpose: string): Buffer =>
  Buffer.from(blake3(from, { context: ascii(`penstock 2026-11-30 rozen 1 ${purpose}`) }))

/** 2. The slot key of a lock, when the secret is of its kind. */
const slotKeyOf = async (key: Lock, secret: Secret): Promise<Buffer | undefined> => {
  if (key.kind === "password" && "password" in secret) {
    const cost = { N: key.n, r: key.r, p: key.p, maxmem: 2 ** 31 - 1 }
    return scryptSync(Buffer.from(secret.password.normalize("NFC"), "utf8"), Buffer.from(key.salt, "hex"), 32, cost)
  }
  if (key.kind === "age" && "fileKey" in secret) {
    const fileKey = await secret.fileKey(Buffer.from(key.header, "hex"))
    return fileKey && derived(fileKey, "age key")
  }
  return key.kind === "key-file" && "keyFile" in secret ? derived(secret.keyFile, "key file") : undefined
}

/** 2. What an owner has. */
interface Opened {
  readonly id: string
  readonly chunks: string
  readonly masters: ReadonlyArray<string>
}

/** 2. What a role has: of chunks, and of each epoch. */
interface Granted {
  readonly id: string
  readonly role: string
  readonly chunks: Buffer
  readonly epochs: ReadonlyArray<ReadonlyArray<Buffer>>
}

/** 2. The secrets of each role, for each epoch. */
const SECRETS: { readonly [role: string]: number } = { owner: 1, reader: 3, writer: 1 }

const namesIn = (root: string): ReadonlyArray<string> =>
  fs.readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => fs.statSync(join(root, name)).isFile())

/** 2. Verifies the last member of a record, by Ed25519 of `node:crypto`. */
const isSigned = (record: object, owner: string, last = "Signature" in record ? "Signature" : "signature"): boolean => {
  const { [last]: signature, ...members } = record as { readonly [name: string]: string }
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(owner, "hex")])
  const key = createPublicKey({ key: spki, format: "der", type: "spki" })
  const message = Buffer.concat([ascii("penstock rozen 1 record\0"), canonical(members)])
  return verify(null, message, key, Buffer.from(signature!, "hex"))
}

interface EpochRecord {
  readonly record: string
  readonly repository: string
  readonly epoch: number
  readonly recipient: string
  readonly owner: string
  readonly previous: string
  readonly endorsement: string
  readonly signature: string
}

/** 2. The epochs from 1 on, as whoever believes an owner follows them. */
const chainOf = (root: string, { epoch, id, owner }: Payload): ReadonlyArray<EpochRecord> => {
  const all = namesIn(root).filter((name) => /^KEYS\/[0-9a-f]{8}\.epoch\.json$/.test(name)).map((name) => {
    const bytes = fs.readFileSync(join(root, name))
    return { hash: hex(blake3(bytes)), record: readJson<EpochRecord>(bytes) }
  })
  const pinned = all.find(({ record }) => record.epoch === epoch && record.owner === owner)!
  assert.ok(isSigned(pinned.record, owner))
  const chain = [pinned]
  while (chain[0]!.record.epoch > 1) {
    chain.unshift(all.find(({ hash }) => hash === chain[0]!.record.previous)!)
  }
  for (;;) {
    const last = chain.at(-1)!
    const next = all.filter(({ record }) => record.previous === last.hash)
    if (next.length === 0) return chain.map(({ record }) => record)
    assert.equal(next.length, 1)
    const { signature: _, ...signed } = next[0]!.record
    assert.ok(isSigned(signed, last.record.owner, "endorsement") && isSigned(next[0]!.record, next[0]!.record.owner))
    assert.deepEqual([signed.repository, signed.epoch], [id, last.record.epoch + 1])
    chain.push(next[0]!)
  }
}

/** 2. Opens the grant of a key. */
const granted = async (root: string, key: string, payload: Payload): Promise<Granted> => {
  const chain = chainOf(root, payload)
  const pattern = new RegExp(`^KEYS/${key}\\.[0-9a-f]{8}\\.grant\\.json$`)
  const [name, ...more] = namesIn(root).filter((name) => pattern.test(name))
  assert.deepEqual(more, [])
  const record = readJson<{ readonly [name: string]: string | number }>(fs.readFileSync(join(root, name!)))
  assert.ok(isSigned(record, chain.at(-1)!.owner))
  const { sealed, signature: _, ...members } = record
  assert.deepEqual([members["record"], members["repository"], members["key"], members["epoch"]], [
    "grant",
    payload.id,
    key,
    chain.length,
  ])
  assert.equal(key, hex(blake3(ascii(String(members["public"])))).slice(0, 16))
  const [wrapped, seed] = [Buffer.from(String(members["wrapped"]), "hex"), Buffer.from(payload.seed, "hex")]
  const context = ascii(`penstock rozen 1 grant by seed\0${key}`)
  const fileKey = wrapped.length === 56
    ? open(derived(seed, "grant by seed"), wrapped, context)
    : await fileKeyOf(wrapped, seed)
  const aad = Buffer.concat([ascii("penstock rozen 1 grant\0"), canonical(members)])
  const plain = open(derived(fileKey, "grant"), Buffer.from(String(sealed), "hex"), aad)
  const role = String(members["role"])
  const each = SECRETS[role]!
  assert.equal(plain.length, 32 * (1 + each * chain.length))
  const secret = (i: number): Buffer => plain.subarray(32 * i, 32 * (i + 1))
  const epochs = chain.map((_, n) => Array.from({ length: each }, (_, i) => secret(1 + n * each + i)))
  return { id: payload.id, role, chunks: secret(0), epochs }
}

/** 2. The file key of a stanza, as the reference implementation of age opens it. */
const fileKeyOf = async (stanza: Buffer, seed: Buffer): Promise<Uint8Array> => {
  const decrypter = new Decrypter()
  decrypter.addIdentity(bech32.encodeFromBytes("age-secret-key-pq-", seed).toUpperCase())
  // There is no header around it, so the identity itself is asked.
  const [identity] = (decrypter as unknown as {
    readonly identities: ReadonlyArray<{
      readonly unwrapFileKey: (stanzas: ReadonlyArray<object>) => Promise<Uint8Array | null> | Uint8Array | null
    }>
  }).identities
  const args = ["mlkem768x25519", stanza.subarray(0, 1120).toString("base64").replace(/=+$/, "")]
  const fileKey = await identity!.unwrapFileKey([{ args, body: stanza.subarray(1120) }])
  assert.equal(fileKey?.length, 16)
  return fileKey!
}

/** 2. Opens the lock that the secret is for, and the grant of its key. */
const unlock = async (root: string, secret: Secret): Promise<Granted> => {
  const pattern = /^KEYS\/([0-9a-f]{16})\.[0-9a-f]{8}\.json$/
  for (const name of namesIn(root).filter((name) => pattern.test(name)).sort()) {
    const lock = readJson<Lock>(fs.readFileSync(join(root, name)))
    const { check, ...checked } = lock
    assert.equal(check, hex(blake3(Buffer.concat([ascii(name), canonical(checked)]))))
    const { sealed, ...members } = checked
    assert.deepEqual(Object.keys(members), ["version", "kind", ...KINDS[lock.kind]!])
    assert.equal(lock.version, 1)
    const slotKey = await slotKeyOf(lock, secret)
    if (slotKey === undefined) continue
    const [, key] = pattern.exec(name)!
    const context = Buffer.concat([ascii(`penstock rozen 1 lock ${key}`), canonical(members)])
    let plain: Buffer
    try {
      plain = open(slotKey, Buffer.from(sealed, "hex"), context)
    } catch {
      continue
    }
    return await granted(root, key!, readJson<Payload>(plain))
  }
  throw new Error("no lock opens")
}

/** 2. Reads a paper key. */
const readPaper = (paper: string): Opened => {
  const text = paper.replace(/^#.*$/gm, "").replace(/(^|\s)\d{1,3}:/g, "").replace(/\s/g, "")
  const { prefix, words } = bech32m.decode(text as `${string}1${string}`, false)
  const bytes = Buffer.from(bech32m.fromWords(words))
  const count = bytes[49]!
  assert.deepEqual([prefix, bytes.length, bytes[0]], ["penstock-rozen-", 50 + 32 * count, 1])
  return {
    id: hex(bytes.subarray(1, 17)),
    chunks: hex(bytes.subarray(17, 49)),
    masters: Array.from({ length: count }, (_, i) => hex(bytes.subarray(50 + 32 * i, 82 + 32 * i))),
  }
}

class Reader {
  readonly #root: string
  readonly #id: string
  /** The masters of all epochs. */
  readonly #masters: ReadonlyArray<Buffer>
  readonly #chunkIds: Buffer
  /** 6. The owners of all epochs. */
  readonly #owners: ReadonlyArray<{ readonly key: KeyObject; readonly raw: string; readonly id: Buffer }>
  readonly names: ReadonlyArray<string>

  constructor(root: string, { chunks, epochs, id, role }: Granted) {
    this.#root = root
    this.names = namesIn(root)
    this.#id = id
    // 3. Keys
    assert.equal(role, "owner")
    this.#masters = epochs.map(([master]) => master!)
    this.#chunkIds = derived(chunks, "chunk ids")
    this.#owners = this.#masters.map((master) => {
      const seed = derived(master, "owner signing")
      const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed])
      const key = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }))
      const raw = key.export({ format: "der", type: "spki" }).subarray(-32)
      return { key, raw: hex(raw), id: Buffer.from(blake3(raw)).subarray(0, 16) }
    })
    const owner = this.#owners[0]!.raw
    const config = readJson<{ Version: number; Id: string; Owner: string; Signature: string }>(this.get("ROZEN.json"))
    assert.deepEqual([config.Version, config.Id, config.Owner], [1, id, owner])
    assert.ok(isSigned(config, owner))
  }

  /** 3. Runs: the key of the run with this tag, for a purpose. */
  #runKey(tag: Buffer, purpose: string): Buffer {
    assert.deepEqual([tag.length, tag[4]], [61, 1])
    const aad = Buffer.concat([Buffer.from(this.#id, "hex"), tag.subarray(0, 4)])
    const fileKey = open(derived(this.#masters[tag.readUInt32LE(0) - 1]!, "runs"), tag.subarray(5), aad)
    assert.equal(fileKey.length, 16)
    return derived(derived(fileKey, "run"), purpose)
  }

  get(name: string): Buffer {
    return fs.readFileSync(join(this.#root, name))
  }

  /** 6. Signatures: the bytes of an object before the signature, which is valid, of an owner. */
  #signed(name: string): Buffer {
    const object = this.get(name)
    const bytes = object.subarray(0, -80)
    const owner = this.#owners.find(({ id }) => id.equals(object.subarray(-80, -64)))
    const digest = Buffer.from(blake3(Buffer.concat([ascii(`${name}\0`), bytes])))
    const message = Buffer.concat([ascii("penstock rozen 1 object\0"), digest])
    assert.ok(owner !== undefined && verify(null, message, owner.key, object.subarray(-64)))
    return bytes
  }

  // 6. Object header
  header(magic: string, tag: Buffer, objectId = ""): Buffer {
    return Buffer.concat([
      ascii(magic),
      Buffer.from([1, 1, 16 + tag.length, 0]),
      Buffer.from(this.#id, "hex"),
      tag,
      Buffer.from([1, 0, 0]),
      Buffer.from(objectId, "hex"),
    ])
  }

  /** 10 and 13: the body of an object that is encrypted as one. */
  #body(name: string, magic: string, purpose: string): Buffer {
    const bytes = this.#signed(name)
    const tag = bytes.subarray(28, 89)
    const header = this.header(magic, tag)
    assert.equal(header.length, 92)
    assert.deepEqual(bytes.subarray(0, 92), header)
    return inflate(open(this.#runKey(tag, purpose), bytes.subarray(92), context(header, name)))
  }

  // 8. Packs
  packs(pattern: RegExp, magic: string): Array<Pack> {
    return this.names.filter((name) => pattern.test(name)).map((name) => {
      const bytes = this.get(name)
      assert.equal(bytes.subarray(-8).toString("ascii"), "PACK-END")
      const footerLength = bytes.readUInt32LE(bytes.length - 12)
      const tagEnd = bytes.length - 14
      const footerEnd = tagEnd - bytes.readUInt16LE(tagEnd)
      const tag = bytes.subarray(footerEnd, tagEnd)
      const header = this.header(magic, tag, pattern.exec(name)![1]!)
      assert.equal(header.length, 124)
      assert.deepEqual(bytes.subarray(0, 124), header)
      const from = footerEnd - footerLength
      const key = this.#runKey(tag, "pack footers")
      const footer = open(key, bytes.subarray(from, footerEnd), context(header, name))
      const blocks: Array<Block> = []
      let at = 4
      let offset = 124
      for (let n = footer.readUInt32LE(0); n > 0; n--) {
        const length = footer.readUInt32LE(at)
        const end = at + 8 + 36 * footer.readUInt32LE(at + 4)
        blocks.push({ offset, length, chunks: chunkList(footer.subarray(at + 8, end)) })
        at = end
        offset += length
      }
      assert.equal(at, footer.length)
      assert.equal(offset, from)
      return { name, tag: hex(tag), size: bytes.length, footerLength, blocks }
    })
  }

  /** Every chunk of some packs, verified. */
  chunks(packs: ReadonlyArray<Pack>): Map<string, Buffer> {
    const found = new Map<string, Buffer>()
    for (const { name, blocks, tag } of packs) {
      const bytes = this.get(name)
      const key = this.#runKey(Buffer.from(tag, "hex"), "blocks")
      for (const { chunks, length, offset } of blocks) {
        const content = inflate(open(key, bytes.subarray(offset, offset + length)))
        let at = 0
        for (const chunk of chunks) {
          const piece = content.subarray(at, at + chunk.length)
          assert.equal(hex(blake3(piece, { key: this.#chunkIds })), chunk.id)
          found.set(chunk.id, piece)
          at += chunk.length
        }
        assert.equal(at, content.length)
      }
    }
    return found
  }

  // 9. Indexes
  index(pattern: RegExp, magic: string): Map<string, Omit<Pack, "name" | "blocks"> & { readonly prefixes: string }> {
    const listed = new Map<string, Omit<Pack, "name" | "blocks"> & { readonly prefixes: string }>()
    for (const name of this.names.filter((name) => pattern.test(name))) {
      const bytes = this.#signed(name)
      const header = this.header(magic, Buffer.from([1, 0, 0, 0]), pattern.exec(name)![1]!)
      assert.equal(header.length, 67)
      assert.deepEqual(bytes.subarray(0, 67), header)
      const list = open(
        derived(this.#masters[bytes.readUInt32LE(28) - 1]!, "indexes"),
        bytes.subarray(67),
        context(header, name),
      )
      let at = 4
      const tags = Array.from({ length: list.readUInt32LE(0) }, () => {
        const end = at + 2 + list.readUInt16LE(at)
        const tag = hex(list.subarray(at + 2, end))
        at = end
        return tag
      })
      const packs = list.readUInt32LE(at)
      at += 4
      for (let n = packs; n > 0; n--) {
        const end = at + 48 + 16 * list.readUInt32LE(at + 44)
        listed.set(hex(list.subarray(at, at + 32)), {
          tag: tags[list.readUInt32LE(at + 32)]!,
          size: list.readUInt32LE(at + 36),
          footerLength: list.readUInt32LE(at + 40),
          prefixes: hex(list.subarray(at + 48, end)),
        })
        at = end
      }
      assert.equal(at, list.length)
    }
    return listed
  }

  /** 10. Forgotten snapshots: their IDs, as the owner of the last epoch names them. */
  forgotten(): Array<string> {
    return this.names.filter((name) => /^FORGOTTEN\/[0-9a-f]{32}\.forgotten$/.test(name)).flatMap((name) => {
      const body = this.#body(name, "ROZE-FGT", "forgotten")
      const record = readJson<{ readonly epoch: number; readonly snapshots: ReadonlyArray<string> }>(body)
      const { epoch, snapshots, ...members } = record
      assert.deepEqual({ ...members, time: 0, signature: "" }, {
        ...{ record: "forgotten", version: 1, repository: this.#id, time: 0, signature: "" },
      })
      return epoch === this.#owners.length && isSigned(record, this.#owners.at(-1)!.raw) ? snapshots : []
    })
  }

  // 10. Snapshots
  snapshots(catalogChunks: ReadonlyMap<string, Buffer>): Array<Snapshot> {
    const forgotten = this.forgotten()
    const all = this.names.filter((name) => /^INDEX\/\d{2,}-[0-9a-f]{16}\.idx$/.test(name)).sort().map((name) => {
      const body = this.#body(name, "ROZE-IDX", "snapshots")
      const end = 4 + body.readUInt32LE(0)
      const catalog = joined(chunkList(body.subarray(end + 8)), catalogChunks)
      assert.equal(catalog.length, number(body.readBigUInt64LE(end)))
      const record = JSON.parse(body.subarray(4, end).toString("utf8")) as Record
      const signer = this.get(name).subarray(-80, -64)
      const random = Buffer.from(record.id.slice(0, 32), "hex")
      const half = blake3(Buffer.concat([ascii("penstock rozen 1 snapshot\0"), signer, random])).subarray(0, 16)
      assert.equal(record.id, hex(random) + hex(half))
      assert.ok(name.endsWith(`-${record.id.slice(0, 16)}.idx`))
      return { record, catalog }
    })
    return all.filter(({ record }) => !forgotten.includes(record.id))
  }

  // 13. Logs
  log(record: Record): Array<{ readonly kind: number; readonly bytes: Buffer }> {
    const records: Array<{ readonly kind: number; readonly bytes: Buffer }> = []
    for (let n = 0; n < record.log.segments; n++) {
      const file = `${String(n).padStart(4, "0")}.roz-log`
      const body = this.#body(`DATA/${record.id.slice(0, 2)}.roz-log/${record.id}/${file}`, "ROZE-LOG", "logs")
      for (let at = 0; at < body.length;) {
        const end = at + 5 + body.readUInt32LE(at + 1)
        assert.ok([1, 2, 3, 4].includes(body[at]!))
        records.push({ kind: body[at]!, bytes: body.subarray(at + 5, end) })
        at = end
      }
    }
    return records
  }
}

const joined = (list: ReadonlyArray<Chunk>, chunks: ReadonlyMap<string, Buffer>): Buffer =>
  Buffer.concat(list.map(({ id, length }) => {
    const chunk = chunks.get(id)
    assert.ok(chunk, `chunk ${id}`)
    assert.equal(chunk.length, length)
    return chunk
  }))

/** 13: an entry of a log. */
const logEntry = (bytes: Buffer) => {
  let at = 0
  const take = (length: number): Buffer => bytes.subarray(at, at += length)
  const u16 = (): number => take(2).readUInt16LE(0)
  const u32 = (): number => take(4).readUInt32LE(0)
  const kind = take(1)[0]!
  const flags = u16()
  const path = take(u32()).toString("utf8")
  const size = number(take(8).readBigUInt64LE(0))
  const field = <A>(bit: number, read: () => A): A | undefined => (flags & bit) === 0 ? undefined : read()
  const entry = {
    kind,
    path,
    size,
    mode: field(1, u32),
    uid: field(2, u32),
    gid: field(4, u32),
    user: field(8, () => take(u16()).toString("utf8")),
    group: field(16, () => take(u16()).toString("utf8")),
    mtime: field(32, () => take(8).readBigInt64LE(0)),
    ctime: field(64, () => take(8).readBigInt64LE(0)),
    inode: field(128, () => take(8).readBigUInt64LE(0)),
    device: field(256, () => take(8).readBigUInt64LE(0)),
    sparse: (flags & 512) !== 0,
    target: field(1024, () => take(u32()).toString("utf8")),
    link: field(2048, () => take(u32()).toString("utf8")),
    rdev: field(4096, () => [u32(), u32()]),
    chunks: chunkList(take(36 * u32())),
  }
  assert.equal(at, bytes.length)
  return entry
}

/** 10: the rows of a catalog by path. */
const rows = async (catalog: Buffer) => {
  const { DatabaseSync } = await import("node:sqlite")
  const file = join(work, "catalog.sqlite")
  fs.writeFileSync(file, catalog)
  const db = new DatabaseSync(file)
  try {
    const value = (sql: string): unknown => Object.values(db.prepare(sql).get()!)[0]
    assert.equal(value("PRAGMA application_id"), 0x5053544b)
    assert.equal(value("PRAGMA user_version"), 1)
    assert.equal(value("PRAGMA page_size"), 4096)
    const schema = db.prepare("SELECT sql FROM sqlite_schema ORDER BY name").all().map(({ sql }) => sql)
    assert.deepEqual(schema, specSchema())
    const statement = db.prepare(
      "SELECT parent, name, entry.id, kind, size, mode, mtime, target, link, content, uid FROM entry " +
        "LEFT JOIN owner ON owner.id = entry.owner",
    )
    statement.setReadBigInts(true)
    const all = statement.all() as Array<{ [column: string]: bigint | Uint8Array | null }>
    const byId = new Map(all.map((row) => [row["id"], row]))
    assert.equal(byId.size, all.length)
    const pathOf = (row: (typeof all)[number]): string => {
      const name = Buffer.from(row["name"] as Uint8Array).toString("utf8")
      if (row["parent"] === 0n) return name
      const above = pathOf(byId.get(row["parent"] as bigint)!)
      return above === "" ? name : `${above}/${name}`
    }
    return new Map(all.map((row) => [pathOf(row), row]))
  } finally {
    db.close()
  }
}

/** The statements of the catalog's schema in SPEC.md, by the name of the table. */
const specSchema = (): Array<string> => {
  const spec = fs.readFileSync(resolve(import.meta.dirname, "../../formats/rozen/SPEC.md"), "utf8")
  const [, sql] = /```sql\n([^]*?)```/.exec(spec)!
  return sql!.split(/\n(?=CREATE )/).map((statement) => statement.trim())
}

let work = ""
const environment = {
  ...process.env,
  PENSTOCK_PASSWORD: "pa\u0308sswort",
  NODE_NO_WARNINGS: "1",
  XDG_STATE_HOME: stateHome,
}

/** Runs a script on the runtime under test. Gives what it prints. */
const run = (script: string, ...rest: ReadonlyArray<string>): string => {
  const path = resolve(import.meta.dirname, "../..", script)
  const args = ["Deno" in globalThis ? ["run", "-A", "--no-check"] : [], path, "-r", join(work, "repo"), ...rest].flat()
  const done = spawnSync(process.execPath, args, { env: environment, encoding: "utf8", timeout: 120_000 })
  assert.equal(done.status, 0, `${done.stdout}${done.stderr}`)
  return done.stdout
}
const backup = (source: string): string => run("backup.ts", source)

const large = randomBytes(9 << 20)

before(() => {
  work = fs.mkdtempSync(join(tmpdir(), "penstock-spec-"))
  const source = join(work, "in")
  fs.mkdirSync(join(source, "letters/2026"), { recursive: true })
  fs.writeFileSync(join(source, "large"), large)
  fs.writeFileSync(join(source, "large again"), large)
  fs.writeFileSync(join(source, "text"), "to be compressed ".repeat(50_000))
  fs.writeFileSync(join(source, "empty"), "")
  for (let i = 0; i < 300; i++) fs.writeFileSync(join(source, `letters/2026/${i}.txt`), `letter ${i}\n`.repeat(i))
  fs.writeFileSync(join(source, "letters/grüße"), "hello")
  fs.symlinkSync("letters/grüße", join(source, "link"))
  fs.linkSync(join(source, "text"), join(source, "text too"))
  fs.chmodSync(join(source, "empty"), 0o640)
  fs.utimesSync(join(source, "empty"), 1_000_000_000, 1_000_000_000)
  backup(source)
  fs.rmSync(join(source, "letters/2026/7.txt"))
  fs.writeFileSync(join(source, "new"), "new in the second snapshot")
  backup(source)
})

after(() => fs.rmSync(work, { recursive: true, force: true }))

test("a reader written from SPEC.md reads what Penstock wrote", async () => {
  const root = join(work, "repo")
  const reader = new Reader(root, await unlock(root, { password: "p\u00e4sswort" }))
  const data = reader.packs(/^DATA\/[0-9a-f]{2}\/([0-9a-f]{64})\.roz$/, "ROZE-DAT")
  const pages = reader.packs(/^INDEX\/[0-9a-f]{2}\/([0-9a-f]{64})\.cat$/, "ROZE-CAT")
  const chunks = reader.chunks(data)

  // SPEC.md names every object.
  const known =
    /^(ROZEN\.json|KEYS\/([0-9a-f]{16}\.)?[0-9a-f]{8}(\.grant|\.end|\.epoch)?\.json|DATA\/..\/[0-9a-f]{64}\.roz|DATA\/..\.roz-log\/[0-9a-f]{64}\/\d{4,}\.roz-log|INDEX\/\d\d+-[0-9a-f]{16}\.idx|INDEX\/..\/[0-9a-f]{64}\.(map|cat|catmap)|FORGOTTEN\/[0-9a-f]{32}\.forgotten)$/
  assert.deepEqual(reader.names.filter((name) => !known.test(name)), [])

  // The indexes agree with the packs.
  for (
    const [packs, pattern, magic] of [
      [data, /^INDEX\/[0-9a-f]{2}\/([0-9a-f]{64})\.map$/, "ROZE-MAP"],
      [pages, /^INDEX\/[0-9a-f]{2}\/([0-9a-f]{64})\.catmap$/, "ROZE-CMP"],
    ] as const
  ) {
    const listed = reader.index(pattern, magic)
    assert.equal(listed.size, packs.length)
    for (const { blocks, footerLength, name, size, tag } of packs) {
      const prefixes = blocks.flatMap((block) => block.chunks.map(({ id }) => id.slice(0, 32))).join("")
      assert.deepEqual(listed.get(/[0-9a-f]{64}/.exec(name)![0]), { tag, size, footerLength, prefixes })
    }
  }

  const [first, second, ...more] = reader.snapshots(reader.chunks(pages))
  assert.deepEqual(more, [])
  assert.equal(second!.record.parent, first!.record.id)
  assert.equal(first!.record.parent, undefined)
  assert.deepEqual(second!.record.paths, [join(work, "in")])

  // The catalog of the second snapshot is the current tree.
  const entries = await rows(second!.catalog)
  const source = join(work, "in")
  const expected = ["", ...fs.readdirSync(source, { recursive: true, encoding: "utf8" })].sort()
  assert.deepEqual([...entries.keys()].sort(), expected)
  let files = 0
  for (const [path, row] of entries) {
    const stat = fs.lstatSync(join(source, path), { bigint: true })
    assert.equal(row["mode"], stat.mode & 0o7777n, path)
    assert.equal(row["uid"], stat.uid)
    if (!("Deno" in globalThis)) assert.equal(row["mtime"], stat.mtimeNs)
    assert.equal(row["kind"], stat.isFile() ? 0n : stat.isDirectory() ? 1n : 2n)
    if (stat.isSymbolicLink()) {
      assert.equal(Buffer.from(row["target"] as Uint8Array).toString(), fs.readlinkSync(join(source, path)))
    }
    if (!stat.isFile()) continue
    files++
    const content = joined(chunkList(Buffer.from(row["content"] as Uint8Array ?? [])), chunks)
    assert.equal(row["size"], BigInt(content.length))
    assert.ok(content.equals(fs.readFileSync(join(source, path))), path)
  }
  assert.equal(second!.record.files, files)
  assert.equal(Buffer.from(entries.get("text too")!["link"] as Uint8Array).toString(), "text")
  assert.ok((await rows(first!.catalog)).has("letters/2026/7.txt"))

  // The log of the first run has the whole tree, that of the second only changes.
  const whole = reader.log(first!.record)
  assert.deepEqual(JSON.parse(whole.pop()!.bytes.toString("utf8")), first!.record)
  assert.equal(first!.record.log.full, true)
  const logged = new Map(whole.map(({ bytes, kind }) => {
    assert.equal(kind, 1)
    const entry = logEntry(bytes)
    return [entry.path, entry]
  }))
  assert.equal(logged.size, whole.length)
  assert.equal(logged.get("text too")!.link, "text")
  assert.equal(logged.get("empty")!.mode, 0o640)
  assert.equal(logged.get("empty")!.mtime, 1_000_000_000n * 1_000_000_000n)
  assert.deepEqual(joined(logged.get("large again")!.chunks, chunks).equals(large), true)

  const changes = reader.log(second!.record)
  assert.equal(second!.record.log.full, false)
  assert.equal(changes.pop()!.kind, 3)
  assert.equal(second!.record.log.changes, first!.record.log.changes + changes.length)
  assert.deepEqual(changes.filter(({ kind }) => kind === 2).map(({ bytes }) => bytes.toString()), [
    "letters/2026/7.txt",
  ])
  assert.ok(changes.some(({ bytes, kind }) => kind === 1 && logEntry(bytes).path === "new"))
})

test("it opens every kind of key, of every role and after a rotation, and the paper key", async () => {
  const root = join(work, "repo")
  const before = await unlock(root, { password: "p\u00e4sswort" })
  const identity = await generateX25519Identity()
  const recipient = await identityToRecipient(identity)
  run("cli/main.ts", "key", "add", "--name", "größer", "--role", "reader", "--new-recipient", recipient)
  run("cli/main.ts", "key", "add", "--role", "writer", "--new-key-file", join(work, "key"))
  const given = { id: before.id, role: before.role, chunks: before.chunks, epochs: before.epochs }
  const pages = (reader: Reader) => reader.chunks(reader.packs(/^INDEX\/[0-9a-f]{2}\/([0-9a-f]{64})\.cat$/, "ROZE-CAT"))
  const [first, second] = new Reader(root, given).snapshots(pages(new Reader(root, given)))
  run("cli/main.ts", "forget", first!.record.id)
  const idsOf = (reader: Reader) => reader.snapshots(pages(reader)).map(({ record }) => record.id)
  assert.deepEqual(idsOf(new Reader(root, before)), [second!.record.id])
  run("cli/main.ts", "key", "rotate")
  const keyFile = Buffer.from(fs.readFileSync(join(work, "key"), "utf8").trim(), "hex")
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  const owner = await unlock(root, { password: "p\u00e4sswort" })
  assert.deepEqual([owner.role, owner.chunks, owner.epochs[0], owner.epochs.length], [
    "owner",
    before.chunks,
    before.epochs[0],
    2,
  ])
  assert.deepEqual(new Reader(root, owner).forgotten(), [first!.record.id])
  assert.deepEqual(idsOf(new Reader(root, owner)), [second!.record.id])
  const reader = await unlock(root, { fileKey: async (header) => await decrypter.decryptHeader(header) })
  const writer = await unlock(root, { keyFile })
  assert.deepEqual([reader.role, writer.role], ["reader", "writer"])
  for (const [i, [master]] of owner.epochs.entries()) {
    assert.deepEqual(reader.epochs[i], ["sealing", "runs", "indexes"].map((purpose) => derived(master!, purpose)))
    assert.deepEqual(writer.epochs[i], [derived(master!, "indexes")])
  }
  const { chunks, id, masters } = readPaper(run("cli/main.ts", "key", "export"))
  assert.deepEqual([id, chunks, masters], [owner.id, hex(owner.chunks), owner.epochs.map(([master]) => hex(master!))])
})

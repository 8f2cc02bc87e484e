/** Where the objects of one area are: in files of their own or in packfiles. */
import { bytesToHex } from "@noble/hashes/utils.js"
import { IdTable } from "./id_table.ts"
import { type Area, singleName } from "./layout.ts"

/** Value of `pack` for an object in a file of its own. */
export const SINGLE = 0xffffffff
/** Value of `pack` for an object that is not written yet. */
export const PENDING = 0xfffffffe

/** A packfile in the store. */
export interface Pack {
  readonly name: string
  /** What the IDs of all its objects begin with. */
  readonly prefix: Uint8Array
  /** Stored length in bytes. */
  readonly size: number
  readonly state: "unread" | "read" | "damaged"
}

/**
 * The known objects of an area, and its packfiles. The name of a packfile tells only the prefix of its IDs, so its
 * objects are known once it has been read.
 */
export class ObjectIndex extends IdTable {
  readonly area: Area
  /** Where objects in files of their own are in a packfile, too: two runs at once can store one in both ways. */
  readonly packed: IdTable = new IdTable()
  readonly #packs: Array<Pack> = []
  /** Numbers of packfiles that have not been read, by prefix in hex. */
  readonly #unread = new Map<string, Array<number>>()
  readonly #prefixLengths = new Set<number>()

  constructor(area: Area) {
    super()
    this.area = area
  }

  /** All packfiles; the position of each is its number. */
  get packs(): ReadonlyArray<Pack> {
    return this.#packs
  }

  /** Adds a packfile whose objects are not known yet. */
  addUnread(name: string, prefix: Uint8Array, size: number): void {
    const hex = bytesToHex(prefix)
    const same = this.#unread.get(hex)
    if (same === undefined) this.#unread.set(hex, [this.#packs.length])
    else same.push(this.#packs.length)
    this.#prefixLengths.add(prefix.length)
    this.#packs.push({ name, prefix, size, state: "unread" })
  }

  /** Adds a packfile that was just written, and returns its number. The caller sets its objects. */
  addWritten(name: string, prefix: Uint8Array, size: number): number {
    return this.#packs.push({ name, prefix, size, state: "read" }) - 1
  }

  /** Adds an object of a packfile that was read. Of several packfiles with the same object, the first counts. */
  addPacked(id: Uint8Array, pack: number, offset: number, length: number): void {
    const record = this.find(id)
    if (record < 0) this.set(id, pack, offset, length)
    else if (this.pack(record) === SINGLE && this.packed.find(id) < 0) this.packed.set(id, pack, offset, length)
  }

  /** Says that a packfile was read and its objects are set, or that it is damaged. */
  settle(number: number, state: "read" | "damaged"): void {
    const pack = this.#packs[number]!
    this.#packs[number] = { ...pack, state }
    const hex = bytesToHex(pack.prefix)
    const rest = this.#unread.get(hex)?.filter((other) => other !== number) ?? []
    if (rest.length > 0) this.#unread.set(hex, rest)
    else this.#unread.delete(hex)
  }

  /** Numbers of the unread packfiles that may hold an object. */
  candidates(id: Uint8Array): ReadonlyArray<number> {
    if (this.#unread.size === 0) return []
    return [...this.#prefixLengths].flatMap((length) => this.#unread.get(bytesToHex(id.subarray(0, length))) ?? [])
  }

  /** Whether an object is known, or may be in a packfile that has not been read. */
  mayHave(id: Uint8Array): boolean {
    return this.find(id) >= 0 || this.candidates(id).length > 0
  }

  /** A damaged packfile that may have held the object with this ID in hex. */
  damagedPack(id: string): Pack | undefined {
    return this.#packs.find(({ prefix, state }) => state === "damaged" && id.startsWith(bytesToHex(prefix)))
  }

  /** The name in the store of the file that a record's object is in. */
  nameOf(record: number): string {
    const pack = this.pack(record)
    return pack === SINGLE ? singleName(this.area, this.id(record)) : this.#packs[pack]!.name
  }
}

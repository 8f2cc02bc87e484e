/**
 * Three numbers for each object, found by its whole ID: a hash table of record numbers over flat arrays, about 60 bytes
 * for each object. The IDs are plain SHA-256. Somebody who chooses contents can search for two IDs with the same first
 * bits, so a shorter key would not be safe.
 */
import { ID_BYTES } from "../../stages/kernel/kernel.ts"

const FIRST_RECORDS = 256

export class IdTable {
  #slots: Uint32Array = new Uint32Array(FIRST_RECORDS * 2)
  #ids: Uint8Array = new Uint8Array(FIRST_RECORDS * ID_BYTES)
  #values: Uint32Array = new Uint32Array(FIRST_RECORDS * 3)
  #count = 0

  /** Number of objects. */
  get size(): number {
    return this.#count
  }

  /** The record of an object: its number, or -1 if there is none. */
  find(id: Uint8Array): number {
    return this.#slots[this.#slot(id)]! - 1
  }

  /** The packfile that holds a record's object. */
  pack(record: number): number {
    return this.#values[record * 3]!
  }
  /** Where the object begins in it, in bytes. */
  offset(record: number): number {
    return this.#values[record * 3 + 1]!
  }
  /** The length of the object, in bytes. */
  byteLength(record: number): number {
    return this.#values[record * 3 + 2]!
  }

  /** The ID of a record: a view, valid until the next `set`. */
  id(record: number): Uint8Array {
    return this.#ids.subarray(record * ID_BYTES, (record + 1) * ID_BYTES)
  }

  /** Adds an object, or changes its record. All numbers are u32. */
  set(id: Uint8Array, pack: number, offset: number, length: number): void {
    let record = this.find(id)
    if (record < 0) {
      if (this.#count * 2 >= this.#slots.length) this.#grow()
      record = this.#count++
      this.#ids.set(id, record * ID_BYTES)
      this.#slots[this.#slot(id)] = record + 1
    }
    this.#values.set([pack, offset, length], record * 3)
  }

  /** The slot of an ID, or the free slot where it belongs. */
  #slot(id: Uint8Array): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let at = (id[0]! | id[1]! << 8 | id[2]! << 16 | id[3]! << 24) & mask
    for (; slots[at] !== 0; at = (at + 1) & mask) {
      if (this.#is((slots[at]! - 1) * ID_BYTES, id)) break
    }
    return at
  }

  #is(at: number, id: Uint8Array): boolean {
    const ids = this.#ids
    for (let i = 0; i < ID_BYTES; i++) if (ids[at + i] !== id[i]) return false
    return true
  }

  #grow(): void {
    const ids = new Uint8Array(this.#ids.length * 2)
    ids.set(this.#ids)
    this.#ids = ids
    const values = new Uint32Array(this.#values.length * 2)
    values.set(this.#values)
    this.#values = values
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let record = 0; record < this.#count; record++) this.#slots[this.#slot(this.id(record))] = record + 1
  }
}

/** The owners of entries. A tree has few, so each combination of users and groups is stored once. */
import type { Metadata } from "../../walk/entry.ts"
import {
  type SqliteDatabase,
  SqliteError,
  type SqliteRow,
  type SqliteStatement,
  type SqliteValue,
} from "../sqlite/sqlite.ts"

/** The part of {@link Metadata} that the owner table keeps. */
export type Owner = Pick<Metadata, "uid" | "gid" | "user" | "group">

/** No tree has more owners. A catalog with more is not read into memory. */
export const OWNERS_MAXIMUM: number = 1 << 20

/** The owner table of a tree, in memory. Rows are added and never removed. */
export class Owners {
  readonly #byId: Map<number, Owner> = new Map()
  readonly #ids: Map<string, number> = new Map()
  readonly #insert: SqliteStatement
  #last: Owner | undefined
  #lastId: number | null = null
  #next = 1

  /** Throws {@link SqliteError} when the table cannot be read. */
  constructor(db: SqliteDatabase) {
    this.#insert = db.prepare("INSERT INTO owner VALUES (?, ?, ?, ?, ?)")
    const [count] = db.prepare("SELECT count(*) FROM owner").get() ?? []
    if (typeof count !== "number" || count > OWNERS_MAXIMUM) {
      throw new SqliteError({ reason: "corrupt", message: `The catalog is damaged: it lists ${count} owners` })
    }
    for (
      const [id, uid, gid, user, group] of db.prepare("SELECT id, uid, gid, user, grp FROM owner ORDER BY id").iterate()
    ) {
      if (typeof id !== "number" || id < 1) throw damaged(id)
      const owner: Owner = {
        ...(uid !== null && { uid: asNumber(uid, id) }),
        ...(gid !== null && { gid: asNumber(gid, id) }),
        ...(user !== null && { user: asText(user, id) }),
        ...(group !== null && { group: asText(group, id) }),
      }
      this.#byId.set(id, owner)
      this.#ids.set(ownerKey(owner), id)
      this.#next = id + 1
    }
  }

  /** The owner of an ID. */
  get(id: number): Owner | undefined {
    return this.#byId.get(id)
  }

  /** The ID of an owner, who is added when new; null when nothing is known about the owner. */
  idOf(owner: Owner): number | null {
    const last = this.#last
    if (
      last !== undefined && last.uid === owner.uid && last.gid === owner.gid && last.user === owner.user &&
      last.group === owner.group
    ) return this.#lastId
    const { uid, gid, user, group } = owner
    this.#lastId = uid === undefined && gid === undefined && user === undefined && group === undefined
      ? null
      : this.#find({
        ...(uid !== undefined && { uid }),
        ...(gid !== undefined && { gid }),
        ...(user !== undefined && { user: cleanName(user) }),
        ...(group !== undefined && { group: cleanName(group) }),
      })
    this.#last = { ...owner }
    return this.#lastId
  }

  #find(owner: Owner): number {
    const key = ownerKey(owner)
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = this.#next
    this.#insert.run(id, owner.uid ?? null, owner.gid ?? null, owner.user ?? null, owner.group ?? null)
    this.#next += 1
    this.#byId.set(id, owner)
    this.#ids.set(key, id)
    return id
  }
}

/** An owner and its ID. Throws {@link SqliteError} `corrupt` when the row is none. */
export const ownerOf = ([id, uid, gid, user, group]: SqliteRow): { readonly id: number; readonly owner: Owner } => {
  if (typeof id !== "number" || id < 1) throw damaged(id)
  const owner: Owner = {
    ...(uid !== null && { uid: asNumber(uid, id) }),
    ...(gid !== null && { gid: asNumber(gid, id) }),
    ...(user !== null && { user: asText(user, id) }),
    ...(group !== null && { group: asText(group, id) }),
  }
  return { id, owner }
}

const ownerKey = ({ uid, gid, user, group }: Owner): string => JSON.stringify([uid, gid, user, group])

/** The name with characters replaced that not all engines give back as they are. */
export const cleanName = (name: string): string => name.toWellFormed().replaceAll("\0", "\ufffd")

const asNumber = (value: SqliteValue | undefined, id: number): number => {
  if (typeof value !== "number") throw damaged(id)
  return value
}

const asText = (value: SqliteValue | undefined, id: number): string => {
  if (typeof value !== "string") throw damaged(id)
  return value
}

const damaged = (id: SqliteValue | undefined): SqliteError =>
  new SqliteError({ reason: "corrupt", message: `The catalog is damaged: owner ${id} is not valid` })

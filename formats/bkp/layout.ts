/** The names of objects in the store. SPEC.md, "Layout". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { pathFromBytes, pathToBytes } from "../../stages/walk/path.ts"

/** The object that says that the store holds a bkp repository. */
export const CONFIG = "config"

/** The two halves of a repository: `blocks` holds the chunks of files, `metadata` the objects that describe them. */
export type Area = "blocks" | "metadata"

/** The name of an object in a file of its own. */
export const singleName = (area: Area, id: Uint8Array): string => {
  const hex = bytesToHex(id)
  return `${area}/${hex.slice(0, 2)}/${hex}`
}

/** A new name for a packfile: the prefix of its IDs, and a random part. */
export const packName = (area: Area, prefix: Uint8Array): string => {
  const unique = bytesToHex(crypto.getRandomValues(new Uint8Array(16)))
  const hex = bytesToHex(prefix)
  return `${area}/${(hex + unique).slice(0, 2)}/${hex === "" ? "any" : hex}-${unique}.pack`
}

/** Whether a name of a packfile has a random part, as {@link packName} makes it. */
export const isOwnPack = (name: string): boolean => /-[0-9a-f]{32}\.pack$/.test(name)

/** The ID of a single object, or the prefix of a packfile, from its name; undefined for any other name. */
export const parseName = (
  area: Area,
  name: string,
): { readonly id: Uint8Array } | { readonly prefix: Uint8Array } | undefined => {
  const file = name.slice(name.lastIndexOf("/") + 1)
  if (/^[0-9a-f]{64}$/.test(file)) {
    const id = hexToBytes(file)
    return singleName(area, id) === name ? { id } : undefined
  }
  const pack = /^(any|(?:[0-9a-f]{2}){0,32})(?:-[0-9a-f]{32})?\.pack$/.exec(file)
  return pack === null ? undefined : { prefix: pack[1] === "any" ? new Uint8Array(0) : hexToBytes(pack[1]!) }
}

/** Longest escaped host name, in characters: some file systems refuse names above 255. */
const MAXIMUM_NODE = 200

/**
 * A host name as part of an object's name. `a-z`, `0-9`, `-`, and a `.` that is not the first character, stand for
 * themselves; every other byte of the UTF-8 becomes `_` and two hex digits; the empty name is `_`. Undefined if the
 * result is longer than 200 characters.
 */
export const escapeNode = (node: string): string | undefined => {
  let out = ""
  for (const byte of pathToBytes(node)) {
    const character = String.fromCharCode(byte)
    out += /[a-z0-9-]/.test(character) || (character === "." && out !== "")
      ? character
      : `_${byte.toString(16).padStart(2, "0")}`
  }
  if (out === "") return "_"
  return out.length <= MAXIMUM_NODE ? out : undefined
}

/** The inverse; undefined for a name that {@link escapeNode} never gives. */
export const unescapeNode = (escaped: string): string | undefined => {
  if (escaped === "_") return ""
  const bytes: Array<number> = []
  for (const [, hex, character] of escaped.matchAll(/_([0-9a-f]{2})|([^])/g)) {
    bytes.push(hex === undefined ? character!.charCodeAt(0) & 0xff : parseInt(hex, 16))
  }
  const node = pathFromBytes(Uint8Array.from(bytes))
  return escapeNode(node) === escaped ? node : undefined
}

const HEADS = "heads/"
const NEXT = "next/"

/** The object with the ID of a client's latest snapshot. `client` is its name in the store. */
export const headName = (client: string): string => HEADS + client
/** The object with the ID of the snapshot that follows the one with this ID. */
export const nextName = (client: string, id: string): string => `${NEXT}${client}/${id}`

/** The object that says that a snapshot of a client was forgotten. */
export const forgottenName = (client: string, id: string): string => `${nextName(client, id)}.forgotten`

/** The client whose head an object is, by its name in the store; undefined if the object is no head. */
export const headClient = (name: string): string | undefined => /^heads\/([^/]+)$/.exec(name)?.[1]

/** The client that a link belongs to, and the snapshot that it leads on from; undefined if the object is no link. */
export const parseNext = (name: string): { readonly client: string; readonly id: string } | undefined => {
  const [, client, id] = /^next\/([^/]+)\/([0-9a-f]{64})$/.exec(name) ?? []
  return client === undefined ? undefined : { client, id: id! }
}

/** The client and the snapshot that it has forgotten; undefined if the object does not say that. */
export const parseForgotten = (name: string): { readonly client: string; readonly id: string } | undefined => {
  const [, client, id] = /^next\/([^/]+)\/([0-9a-f]{64})\.forgotten$/.exec(name) ?? []
  return client === undefined ? undefined : { client, id: id! }
}

/**
 * The host name of a client. Other programs do not escape: a name that {@link escapeNode} never gives is taken as is.
 */
export const nodeOf = (client: string): string => unescapeNode(client) ?? client

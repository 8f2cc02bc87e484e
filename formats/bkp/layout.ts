/** Names of objects in the store. SPEC.md, "Layout". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { pathFromBytes, pathToBytes } from "../../stages/walk/path.ts"

/** The two halves of a repository: what files consist of, and what describes them. */
export type Area = "blocks" | "metadata"

/** An object that is a file of its own. */
export const singleName = (area: Area, id: Uint8Array): string => {
  const hex = bytesToHex(id)
  return `${area}/${hex.slice(0, 2)}/${hex}`
}

/** A fresh name for a packfile. */
export const packName = (area: Area, prefix: Uint8Array): string => {
  const unique = bytesToHex(crypto.getRandomValues(new Uint8Array(16)))
  const hex = bytesToHex(prefix)
  return `${area}/${(hex + unique).slice(0, 2)}/${hex === "" ? "any" : hex}-${unique}.pack`
}

/** Whether a packfile has a name as {@link packName} gives. */
export const isOwnPack = (name: string): boolean => /-[0-9a-f]{32}\.pack$/.test(name)

/** What the name of an object in an area says; undefined for names that mean nothing here. */
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

/** Longest name of a node in the store; longer ones some file systems refuse. */
const MAXIMUM_NODE = 200

/**
 * The name of a client as part of an object's name: `a-z`, `0-9`, `-`, and `.` but at the start, stand for themselves;
 * every other byte of the UTF-8 is `_` and two hex digits; the empty name is `_`. Undefined when that is longer than
 * 200.
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

/** The inverse; undefined for what {@link escapeNode} never gives. */
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

/** The latest snapshot of a client, by the client's name in the store. */
export const headName = (client: string): string => HEADS + client
/** Which snapshot follows another, in the chain of a client. */
export const nextName = (client: string, id: string): string => `${NEXT}${client}/${id}`

/** The name in the store of the client whose head an object is. */
export const headClient = (name: string): string | undefined => /^heads\/([^/]+)$/.exec(name)?.[1]

/** The same of the client that a link is of, and the snapshot that it names. */
export const parseNext = (name: string): { readonly client: string; readonly id: string } | undefined => {
  const [, client, id] = /^next\/([^/]+)\/([0-9a-f]{64})$/.exec(name) ?? []
  return client === undefined ? undefined : { client, id: id! }
}

/** The node that a name in the store is of. What {@link escapeNode} never gives, another program named as it stands. */
export const nodeOf = (client: string): string => unescapeNode(client) ?? client

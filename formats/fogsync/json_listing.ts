/** Encodes and decodes listings in JSON: one for each directory. SPEC.md, "Listings in JSON". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Schema from "effect/Schema"
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import { gunzip } from "../../stages/compress/gunzip.ts"
import { emptyList } from "../../stages/hash/chunk_list.ts"
import type { Transform } from "../../stages/kernel/frames.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { compareNames } from "../../stages/walk/order.ts"
import { baseName, displayPath, joinPath, pathProblem } from "../../stages/walk/path.ts"
import { bptrFromHex, bptrToHex, type DataRef, refFromChunks, refToChunks } from "./bptr.ts"
import { Integer, parseExact, stringifyExact } from "./json.ts"
import { JsonElements } from "./json_elements.ts"
import { PATH_MAXIMUM } from "./limits.ts"
import { isExecutable, type Listed, modeOf } from "./listing.ts"

const Entry = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  type: Schema.Literals(["file", "directory", "symlink"]),
  mtime: Schema.optionalKey(Integer),
  ctime: Schema.optionalKey(Integer),
  inode: Schema.optionalKey(Integer),
  host: Schema.optionalKey(Schema.String),
  link: Schema.optionalKey(Schema.String),
  size: Schema.optionalKey(Integer),
  bptr: Schema.optionalKey(Schema.String),
  sha256: Schema.optionalKey(Schema.String),
  exec: Schema.optionalKey(Schema.Boolean),
})

/** What gzip data begin with (RFC 1952). */
const GZIP_MAGIC = Uint8Array.of(0x1f, 0x8b)

const decodeEntry = Schema.decodeUnknownSync(Entry)

/** The JSON of one entry. `listing` is that of a directory; `host` is where it was last modified, `""` when unknown. */
export const encodeEntry = (entry: StoredEntry, listing: DataRef | undefined, host: string): string => {
  const { ctime, inode, mode, mtime } = entry.metadata
  const ref = entry.kind === "file" ? refFromChunks(entry.chunks, entry.size) : listing
  return stringifyExact({
    name: baseName(entry.path),
    type: entry.kind,
    mtime,
    ctime,
    inode,
    host: host === "" ? undefined : host,
    link: entry.target,
    size: entry.kind === "symlink" ? undefined : ref?.size ?? 0,
    bptr: ref && bptrToHex(ref.bptr),
    sha256: ref && bytesToHex(ref.sha256),
    exec: entry.kind === "file" ? isExecutable(mode) : undefined,
  })
}

const invalid = (what: string): KernelError => new KernelError({ kernel: "listing", reason: "corrupt", message: what })

/** Starts to decode the JSON of the listing of a directory into its entries. Throws KernelError `corrupt`. */
export const startListingDecoder = (directory: string): {
  readonly push: (bytes: Uint8Array) => ReadonlyArray<Listed>
  readonly end: () => ReadonlyArray<Listed>
} => {
  const elements = new JsonElements()
  let last: string | undefined
  const decode = (text: string): Listed => {
    const { name, value } = elements.isObject === true ? member(text) : element(text)
    if (name === "" || name.includes("/") || pathProblem(name) !== undefined || !name.isWellFormed()) {
      throw invalid(`no entry can be named "${displayPath(name)}"`)
    }
    if (last !== undefined && compareNames(last, name) >= 0) {
      throw invalid(`"${displayPath(name)}" comes after "${displayPath(last)}"`)
    }
    last = name
    const path = joinPath(directory, name)
    if (path.length > PATH_MAXIMUM) throw invalid(`the path of "${displayPath(name).slice(0, 100)}" is too long`)
    return listedOf(path, value)
  }
  return {
    push: (bytes) => elements.push(bytes).map(decode),
    end: () => elements.end().map(decode),
  }
}

const parsed = (text: string): unknown => {
  try {
    return parseExact(text)
  } catch {
    throw invalid("one of its entries is not JSON")
  }
}

/** An element of a listing that is an array. */
const element = (text: string): { readonly name: string; readonly value: typeof Entry.Type } => {
  const value = checked(parsed(text))
  if (value.name === undefined) throw invalid("an entry has no name")
  return { name: value.name, value }
}

/** An element of a listing that is an object: its name is the key. */
const member = (text: string): { readonly name: string; readonly value: typeof Entry.Type } => {
  const members = Object.entries(parsed(`{${text}}`) as Readonly<Record<string, unknown>>)
  if (members.length !== 1) throw invalid("one of its members has no value")
  return { name: members[0]![0], value: checked(members[0]![1]) }
}

const checked = (value: unknown): typeof Entry.Type => {
  try {
    return decodeEntry(value)
  } catch (error) {
    throw invalid(`an entry is not valid: ${String((error as Error).message).split("\n")[0]}`)
  }
}

const listedOf = (path: string, entry: typeof Entry.Type): Listed => {
  const { bptr, ctime, host, inode, link, mtime, sha256, type } = entry
  const bad = (what: string): KernelError => invalid(`"${displayPath(path)}" ${what}`)
  const size = Number(entry.size ?? 0n)
  if (!Number.isSafeInteger(size) || size < 0) throw bad("has an impossible size")
  let ref: DataRef | undefined
  if (type !== "symlink" && size > 0) {
    const address = bptr === undefined ? undefined : bptrFromHex(bptr)
    if (address === undefined) throw bad("has no valid address")
    if (sha256 === undefined || !/^[0-9a-f]{64}$/i.test(sha256)) throw bad("has no valid hash")
    ref = { bptr: address, sha256: hexToBytes(sha256), size }
  }
  if (type === "symlink" && (link === undefined || !link.isWellFormed() || link.includes("\0"))) {
    throw bad("has no valid target")
  }
  return {
    path,
    kind: type,
    metadata: {
      ...(type === "file" ? { mode: modeOf(entry.exec === true) } : {}),
      ...(mtime === undefined ? {} : { mtime }),
      ...(ctime === undefined ? {} : { ctime }),
      ...(inode === undefined ? {} : { inode }),
    },
    size: type === "file" ? size : 0,
    chunks: type === "file" && ref !== undefined ? refToChunks(ref) : emptyList,
    ...(type === "symlink" ? { target: link! } : {}),
    ...(type === "directory" && ref !== undefined ? { listing: ref } : {}),
    ...(host === undefined ? {} : { host }),
  }
}

/** Starts to decompress data that begin as gzip does. Other data are left as they are. */
export const startGunzipIfNeeded = (): Transform => {
  let inner: Transform | undefined
  let held: Uint8Array = new Uint8Array(0)
  return {
    push: (bytes) => {
      if (inner !== undefined) return inner.push(bytes)
      held = concat([held, bytes])
      if (held.length < GZIP_MAGIC.length) return []
      inner = GZIP_MAGIC.every((byte, i) => held[i] === byte)
        ? gunzip()
        : { push: (piece) => piece.length === 0 ? [] : [piece], end: () => [] }
      return inner.push(held)
    },
    end: () => inner?.end() ?? (held.length > 0 ? [held] : []),
  }
}

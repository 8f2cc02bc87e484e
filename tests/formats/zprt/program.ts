/** Another program that reads archives, with the libraries alone. */
import assert from "node:assert/strict"
import { zstdDecompressSync } from "node:zlib"
import { Decrypter } from "age-encryption"
import type { IndexLayout } from "../../../formats/zprt/mod.ts"
import { identityText } from "./harness.ts"

/** What the number in the trailer is. */
export type Trailer = "length" | "position"

const open = async (file: Uint8Array, identity: string): Promise<Buffer> => {
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  return zstdDecompressSync(await decrypter.decrypt(new Uint8Array(file)))
}

/**
 * Reads an archive as a program that knows one layout and one kind of trailer, and trusts the archive. Gives contents
 * by path. Fails on any other archive.
 */
export const program = async (
  bytes: Uint8Array,
  layout: IndexLayout,
  trailer: Trailer,
  identity: string = identityText,
): Promise<Record<string, string | null>> => {
  const archive = Buffer.from(bytes)
  const end = archive.length - 16
  const told = Number(archive.readBigUInt64LE(end))
  const plain = await open(archive.subarray(trailer === "length" ? end - told : told, end), identity)
  let at = 8
  const number = (): number => Number(plain.readBigUInt64LE((at += 8) - 8))
  const listOf = <A>(item: () => A): Array<A> => Array.from({ length: number() }, item)
  const position = (): readonly [number, number] => [number(), number()]
  const hash = (): void => void (at += 32)
  const text = (): string => {
    const length = number()
    return plain.toString("utf8", at, at += length)
  }
  const path = (): string => listOf(text).join("/")
  const contentLists = (item: () => unknown): void => [item, hash, number].forEach(listOf)
  if (layout === "document") contentLists(position)
  const positions = listOf(position)
  const paths = listOf(path)
  const empty = listOf(path)
  if (layout === "program") contentLists(number)
  assert.equal(at, plain.length, "the index has another layout")
  const contents = await Promise.all(
    positions.map(([from, length]) => open(archive.subarray(from, from + length), identity)),
  )
  return Object.fromEntries([
    ...paths.map((path, i) => [path, contents[i]!.toString()]),
    ...empty.map((path) => [path, null]),
  ])
}

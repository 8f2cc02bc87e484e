/**
 * Which orders of stages compile: each `@ts-expect-error` is an error of its own when the line below it does compile.
 */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Redacted, Stream } from "effect"
import * as penstock from "../../../mod.ts"

const {
  aes256gcm,
  blake3,
  catalog,
  chunk,
  compress,
  contents,
  decompress,
  decrypt,
  digest,
  encrypt,
  entries,
  fastcdc,
  hash,
  pack,
  packs,
  sqlite,
  unchunk,
  unpack,
  verify,
  walk,
  write,
  zstd,
} = penstock
const cipher = aes256gcm(Redacted.make(new Uint8Array(32)))

/** Never called: compiled only. */
export const sensible = (): ReadonlyArray<unknown> => [
  walk("/").pipe(chunk(fastcdc()), hash(blake3), compress(zstd()), encrypt(cipher), pack(packs()), catalog(sqlite())),
  walk("/").pipe(compress(zstd()), encrypt(cipher), chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sqlite())),
  walk("/").pipe(chunk(fastcdc()), compress(zstd()), hash(blake3), encrypt(cipher), pack(packs()), catalog(sqlite())),
  walk("/").pipe(chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sqlite())),
  walk("/").pipe(digest(blake3), chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sqlite())),
  // Any operator of Stream fits between stages.
  walk("/").pipe(
    Stream.filter((entry) => !entry.path.endsWith("~")),
    chunk(fastcdc()),
    Stream.tap(() => Stream.runDrain(Stream.empty)),
    hash(blake3),
    Stream.take(10),
    pack(packs()),
    Stream.filter((entry) => entry.kind !== "socket"),
    catalog(sqlite()),
  ),
  entries("a").pipe(
    unpack(packs()),
    decrypt(cipher),
    decompress(zstd()),
    verify(blake3),
    unchunk,
    contents,
    write("/"),
  ),
  entries("a").pipe(
    unpack(packs()),
    verify(blake3),
    unchunk,
    decrypt(cipher),
    decompress(zstd()),
    contents,
    write("/"),
  ),
]

/** Never called: every one of these must not compile. */
export const senseless = (): void => {
  const walked = walk("/")
  const chunked = walked.pipe(chunk(fastcdc()))
  const hashed = chunked.pipe(hash(blake3))
  // @ts-expect-error pack before hash
  chunked.pipe(pack(packs()))
  // @ts-expect-error pack before chunk
  walked.pipe(pack(packs()))
  // @ts-expect-error hash before chunk
  walked.pipe(hash(blake3))
  // @ts-expect-error digest after chunk
  chunked.pipe(digest(blake3))
  // @ts-expect-error compress between digest and chunk
  walked.pipe(digest(blake3), compress(zstd()))
  // @ts-expect-error compress after encrypt
  hashed.pipe(encrypt(cipher), compress(zstd()))
  // @ts-expect-error compress after encrypt, with chunk between
  walked.pipe(encrypt(cipher), chunk(fastcdc()), compress(zstd()))
  // @ts-expect-error catalog before pack
  hashed.pipe(catalog(sqlite()))
  // @ts-expect-error chunk twice
  hashed.pipe(chunk(fastcdc()))
  // @ts-expect-error hash twice
  hashed.pipe(hash(blake3))
  // @ts-expect-error encrypt twice
  hashed.pipe(encrypt(cipher), encrypt(cipher))
  // @ts-expect-error pack twice
  hashed.pipe(pack(packs()), pack(packs()))
  // @ts-expect-error compress after pack
  hashed.pipe(pack(packs()), compress(zstd()))
  // @ts-expect-error a hasher is no compressor
  hashed.pipe(compress(blake3))

  const unpacked = entries("a").pipe(unpack(packs()))
  // @ts-expect-error decrypt after decompress
  unpacked.pipe(decompress(zstd()), decrypt(cipher))
  // @ts-expect-error unchunk before verify
  unpacked.pipe(decrypt(cipher), unchunk)
  // @ts-expect-error contents before unchunk
  unpacked.pipe(verify(blake3), contents)
  // @ts-expect-error decrypt before unpack
  entries("a").pipe(decrypt(cipher))
  // @ts-expect-error write before contents: what is stored has no content yet
  unpacked.pipe(verify(blake3), unchunk).pipe(Stream.map((e): { content: Uint8Array } => e), write("/"))
}

test("the orders above are compiled by the type check, which tests/types.test.ts runs", () => {
  assert.equal(typeof sensible, "function")
  assert.equal(typeof senseless, "function")
})

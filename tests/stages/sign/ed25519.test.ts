import { ed25519 } from "@noble/curves/ed25519.js"
import { sha512 } from "@noble/hashes/sha2.js"
import { hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { nativeEd25519 } from "../../../adapters/kernels/ed25519.ts"
import { KernelError } from "../../../stages/kernel/error.ts"
import { portableEd25519 } from "../../../stages/sign/ed25519.ts"
import { provenEd25519 } from "../../../stages/sign/sign.ts"

/** RFC 8032, 7.1: tests 1, 2, 3 and SHA(abc). */
const known = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
  [
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589" +
    "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
  ],
].map((row) => row.map((text) => hexToBytes(text)) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array])

const { Point } = ed25519
const ORDER = Point.Fn.ORDER
const message = new TextEncoder().encode("edge")
/** A point of order 8. */
const T8 = Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")

const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`)
const toBytes = (number: bigint): Uint8Array =>
  Uint8Array.from(Buffer.from(number.toString(16).padStart(64, "0"), "hex").reverse())
const k = (r: Uint8Array, a: Uint8Array): bigint => toNumber(sha512(concat([r, a, message]))) % ORDER

/**
 * What someone with the secret number `a` can make: the key a·B + T8·`inKey`, R = r·B + T8·`inR`, and the S that fits
 * both but for the points of small order.
 */
const made = (inKey: number, inR: number, r: bigint): readonly [Uint8Array, Uint8Array] => {
  const a = 123456789n
  const plus = (point: typeof T8, times: number) => times === 0 ? point : point.add(T8.multiplyUnsafe(BigInt(times)))
  const key = plus(Point.BASE.multiplyUnsafe(a), inKey).toBytes()
  const R = plus(Point.BASE.multiplyUnsafe(r), inR).toBytes()
  return [key, concat([R, toBytes((r + k(R, key) * a) % ORDER)])]
}
/** The first r with which k is a multiple of 8, so that T8 in the key adds nothing; or is not. */
const search = (cancels: boolean): readonly [Uint8Array, Uint8Array] => {
  for (let r = 1000n;; r++) {
    const [key, signature] = made(1, 0, r)
    if ((k(signature.subarray(0, 32), key) % 8n === 0n) === cancels) return [key, signature]
  }
}

const [key, signature] = made(0, 0, 77n)
const halves = [signature.subarray(0, 32), toNumber(signature.subarray(32))] as const
const small = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  // The same points, with y above the prime.
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hexToBytes)

const edges: ReadonlyArray<readonly [string, boolean, Uint8Array, Uint8Array]> = [
  ["an honest signature", true, key, signature],
  ["S + L", false, key, concat([halves[0], toBytes(halves[1] + ORDER)])],
  ["S + 8·L", false, key, concat([halves[0], toBytes(halves[1] + 8n * ORDER)])],
  ["S = L", false, key, concat([halves[0], toBytes(ORDER)])],
  ["a key with a point of order 8, which adds nothing", true, ...search(true)],
  ["a key with a point of order 8, valid only when multiplied by 8", false, ...search(false)],
  ["R with a point of order 8, valid only when multiplied by 8", false, ...made(0, 1, 5n)],
  ["a key that is not on the curve", false, toBytes(2n), signature],
  ["R that is not on the curve", false, key, concat([toBytes(2n), signature.subarray(32)])],
  ["a key that is cut off", false, key.subarray(1), signature],
  ["a signature that is cut off", false, key, signature.subarray(0, 63)],
  ["no signature", false, key, new Uint8Array(0)],
  ...small.flatMap((point, i) =>
    [
      [`the small key ${i}, R the same, S = 0`, false, point, concat([point, new Uint8Array(32)])],
      // R = [S]B - [k]A for A of order 1: valid for every message where small keys are taken.
      [`the small key ${i}, R = B, S = 1`, false, point, concat([Point.BASE.toBytes(), toBytes(1n)])],
      [`the small R ${i}`, false, key, concat([point, toBytes((k(point, key) * 123456789n) % ORDER)])],
    ] as const
  ),
]

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

for (const [name, { publicKey, sign, verify }] of [["portable", portableEd25519], ["native", nativeEd25519]] as const) {
  describe(`Ed25519, ${name}`, () => {
    it("gives the known answers of RFC 8032", () => {
      for (const [seed, key, text, signature] of known) {
        assert.equal(hex(publicKey(seed)), hex(key))
        assert.equal(hex(sign(seed, text)), hex(signature))
        assert.ok(verify(key, text, signature))
      }
    })

    it("refuses a signature, message or key with any bit changed", () => {
      const [seed, key, text] = known[2]!
      const signature = sign(seed, text)
      for (const [i, bytes] of [key, text, signature].entries()) {
        for (let bit = 0; bit < bytes.length * 8; bit += 11) {
          const altered = [key, text, signature].map((one) => one.slice()) as [Uint8Array, Uint8Array, Uint8Array]
          altered[i]![bit >> 3]! ^= 1 << (bit & 7)
          assert.equal(verify(...altered), false)
        }
      }
    })

    for (const [what, valid, key, signature] of edges) {
      it(`${valid ? "takes" : "refuses"} ${what}`, () => assert.equal(verify(key, message, signature), valid))
    }
  })
}

describe("provenEd25519", () => {
  it("verifies what an Ed25519 signs that is not trusted", () => {
    const [seed, key, text, signature] = known[1]!
    assert.equal(provenEd25519(nativeEd25519), nativeEd25519)
    assert.equal(hex(provenEd25519({ ...nativeEd25519 }).sign(seed, text)), hex(signature))
    const faulty = provenEd25519({ ...nativeEd25519, sign: () => new Uint8Array(64) })
    assert.throws(() => faulty.sign(seed, text), (error) => error instanceof KernelError && error.reason === "faulty")
    assert.ok(portableEd25519.verify(key, text, signature))
  })
})

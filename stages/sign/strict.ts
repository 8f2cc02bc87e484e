/**
 * What libraries disagree about. RFC 8032 leaves open whether the equation is multiplied by 8, and many libraries take
 * keys and points that it forbids. So the same signature is valid for one and not for another. Every implementation
 * here refuses the following before it looks at the message, and then verifies without multiplying by 8.
 *
 * - Another length than 32 bytes of the key and 64 of the signature.
 * - S that is not below the order L of the group (RFC 8032, 5.1.7). Otherwise S + L would be a second valid signature.
 * - A key or an R whose y is not below the prime p (5.1.3): points have one encoding.
 * - A key or an R of small order: such a key has signatures that are valid for many messages.
 */
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "./kernel.ts"

/** Big-endian numbers of 32 bytes: the order of the group, 2^252 + 27742317777372353535851937790883648493, */
const ORDER = bigEndian("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed")
/** and the prime, 2^255 - 19. */
const PRIME = bigEndian("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed")
/**
 * The y of all points of order 1, 2, 4 and 8: 1, -1, 0, and the two with 8·(x, y) = (0, 1). Whatever the sign of x is,
 * the point is one of these.
 */
const SMALL: ReadonlyArray<Uint8Array> = [
  bigEndian("0000000000000000000000000000000000000000000000000000000000000001"),
  bigEndian("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
  bigEndian("0000000000000000000000000000000000000000000000000000000000000000"),
  bigEndian("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
  bigEndian("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"),
]

/** Whether a key and a signature are of a form that can be valid. */
export const isStrict = (publicKey: Uint8Array, signature: Uint8Array): boolean =>
  signature.length === SIGNATURE_BYTES && isPublicKey(publicKey) && isPoint(signature.subarray(0, 32)) &&
  isBelow(signature.slice(32).reverse(), ORDER)

/** Whether bytes have the form of a public key that is strong enough. They need not be a point of the curve. */
export const isPublicKey = (bytes: Uint8Array): boolean => bytes.length === PUBLIC_KEY_BYTES && isPoint(bytes)

const isPoint = (bytes: Uint8Array): boolean => {
  const y = bytes.slice().reverse()
  y[0]! &= 0x7f
  return isBelow(y, PRIME) && !SMALL.some((small) => small.every((byte, i) => byte === y[i]))
}

/** Compares big-endian numbers of the same length. */
const isBelow = (number: Uint8Array, bound: Uint8Array): boolean => {
  const at = number.findIndex((byte, i) => byte !== bound[i])
  return at >= 0 && number[at]! < bound[at]!
}

function bigEndian(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16))
}

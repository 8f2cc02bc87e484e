/**
 * Paper keys: the ID of the repository, the secret of its chunks and the masters of all epochs, as text that people can
 * type. SPEC.md, "Paper keys".
 */
import { bech32m } from "@scure/base"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Redacted from "effect/Redacted"
import { RepositoryError } from "../error.ts"
import type { OwnerSecrets } from "./keyring.ts"

const PREFIX = "penstock-rozen-"
const VERSION = 1
const ID_BYTES = 16
const SECRET_BYTES = 32
/** Version, ID, the secret of chunks, and how many masters follow. */
const HEAD_BYTES = 1 + ID_BYTES + SECRET_BYTES + 1
/** Signs in a group, and groups in a line. */
const GROUP = 5
const LINE = 6

/** The text of a paper key: a line with the prefix, then numbered groups of five signs. */
export const encodePaper = ({ chunks, id, masters }: OwnerSecrets): Redacted.Redacted<string> => {
  const bytes = concat([
    Uint8Array.of(VERSION),
    hexToBytes(id),
    Redacted.value(chunks),
    Uint8Array.of(masters.length),
    ...masters.map(Redacted.value),
  ])
  const text = bech32m.encode(PREFIX, bech32m.toWords(bytes), false).toUpperCase()
  const start = PREFIX.length + 1
  const groups = text.slice(start).match(new RegExp(`.{1,${GROUP}}`, "g"))!
  const lines = [text.slice(0, start)]
  for (let at = 0; at < groups.length; at += LINE) {
    lines.push(
      groups.slice(at, at + LINE).map((group, i) => `${String(at + i + 1).padStart(2)}: ${group}`).join("  "),
    )
  }
  return Redacted.make(lines.join("\n"))
}

const wrong = (message: string): RepositoryError => new RepositoryError({ reason: "wrong-key", message })

/**
 * Reads a paper key. Blanks, line ends, numbers of groups and lines that begin with `#` do not count, and neither does
 * the case, when it is the same in all of it. Throws RepositoryError `wrong-key` or `newer`.
 */
export const decodePaper = (paper: Redacted.Redacted<string>): OwnerSecrets => {
  const text = Redacted.value(paper).replace(/^\s*#.*$/gm, "").replace(/(^|\s)\d{1,3}:/g, "$1").replace(/\s+/g, "")
  let bytes: Uint8Array
  try {
    const { prefix, words } = bech32m.decode(text as `${string}1${string}`, false)
    if (prefix !== PREFIX) throw new Error("another prefix")
    bytes = bech32m.fromWords(words)
  } catch {
    throw wrong(
      "The paper key is mistyped: its check signs do not fit. Compare it with the paper, group by group " +
        "(no group has a 1, B, I or O)",
    )
  }
  if (bytes.length > 0 && bytes[0] !== VERSION) {
    throw new RepositoryError({
      reason: "newer",
      message: `The paper key has version ${bytes[0]}, which this Penstock cannot read`,
    })
  }
  const count = bytes[HEAD_BYTES - 1] ?? 0
  if (count === 0 || bytes.length !== HEAD_BYTES + count * SECRET_BYTES) throw wrong("The paper key is not complete")
  const secret = (at: number) => Redacted.make(bytes.slice(at, at + SECRET_BYTES))
  return {
    id: bytesToHex(bytes.subarray(1, 1 + ID_BYTES)),
    chunks: secret(1 + ID_BYTES),
    masters: Array.from({ length: count }, (_, i) => secret(HEAD_BYTES + i * SECRET_BYTES)),
  }
}

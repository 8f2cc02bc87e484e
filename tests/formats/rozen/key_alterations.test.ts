/** Whatever is changed in a key object, with a checksum that fits, keeps it from opening. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import { Effect, Redacted } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { encodeJson } from "../../../formats/rozen/json.ts"
import { unlock } from "../../../formats/rozen/unlock.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { runFormat } from "../../suites/format/environment.ts"
import vectors from "../../vectors/rozen_keys.json" with { type: "json" }

const secrets: { readonly [kind: string]: Secrets } = {
  password: { password: Redacted.make(vectors.password) },
  age: { identities: [Redacted.make(vectors.identity)] },
  "key-file": { key: Redacted.make(hexToBytes(vectors.key)) },
}

type Members = { readonly [name: string]: string | number }

const members = (kind: string): Members => {
  const { check: _, ...members } = JSON.parse(vectors.objects[kind as "age"].text) as Members
  return members
}
const nameOf = (kind: string): string => vectors.objects[kind as "age"].name

/** What becomes of a store with one key object. Its checksum fits. */
const outcome = (kind: string, name: string, members: Members): Promise<string> =>
  runFormat(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    const check = bytesToHex(blake3(concat([new TextEncoder().encode(name), encodeJson(members)])))
    yield* store.put(name, [encodeJson({ ...members, check })])
    return yield* unlock(store, secrets[kind]!).pipe(
      Effect.as("opened"),
      Effect.catch(({ message, reason }) => Effect.succeed(`${reason}: ${message}`)),
    )
  }))

/** Another value of the same type. */
const other = (value: string | number): string | number =>
  typeof value === "number" ? value * 2 : value.replace(/.$/, (last) => last === "0" ? "1" : "0")

for (const kind of Object.keys(secrets)) {
  test(`${kind}: every member is authentic`, async () => {
    const whole = members(kind)
    assert.equal(await outcome(kind, nameOf(kind), whole), "opened")
    for (const [name, value] of Object.entries(whole)) {
      const failure = await outcome(kind, nameOf(kind), { ...whole, [name]: other(value) })
      assert.match(failure, name === "version" ? /^newer/ : /^(wrong-key|corrupt)/, `${name}: ${failure}`)
      const { [name]: _, ...less } = whole
      assert.match(await outcome(kind, nameOf(kind), less), /^(wrong-key|corrupt)/, name)
    }
    const { sealed, ...before } = whole
    assert.match(await outcome(kind, nameOf(kind), { ...before, more: "", sealed: sealed! }), /^corrupt/)
    assert.match(await outcome(kind, "KEYS/0123456789abcdef.json", whole), /^wrong-key/)
  })

  test(`${kind}: what is sealed in one object does not open in another`, async () => {
    for (const another of Object.keys(secrets).filter((one) => one !== kind)) {
      const mixed = { ...members(kind), sealed: members(another)["sealed"]! }
      assert.match(await outcome(kind, nameOf(kind), mixed), /^wrong-key/)
      assert.match(await outcome(kind, nameOf(another), members(kind)), /^wrong-key/)
    }
  })
}

test("age headers that cannot be tried are named", async () => {
  const age = members("age")
  const header = new TextDecoder().decode(hexToBytes(String(age["header"])))
  const stanza = /-> X25519 .*\n.*\n/.exec(header)![0]
  const headers = {
    "cut off": header.slice(0, -10),
    "two stanzas": header.replace(stanza, stanza + stanza),
    "a passphrase": header.replace(stanza, `-> scrypt ${"A".repeat(22)} 30\n${"A".repeat(43)}\n`),
    "too long": header.replace(stanza, `${stanza}${"A".repeat(64)}\n`.repeat(100)),
    "no header": "no header",
    "another MAC": header.replace(/--- ./, (start) => `--- ${start.endsWith("A") ? "B" : "A"}`),
  }
  for (const [what, text] of Object.entries(headers)) {
    const failure = await outcome("age", nameOf("age"), {
      ...age,
      header: bytesToHex(new TextEncoder().encode(text)),
    })
    assert.match(failure, /^corrupt: KEYS\/[0-9a-f]{16}\.json is a key that cannot be tried: /, what)
  }
})

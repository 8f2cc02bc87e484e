/** Whatever is changed in `KEYS/` by whoever can write to the storage: nobody believes it, and it is named. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import { Effect, Redacted } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { encodeJson } from "../../../formats/rozen/json.ts"
import { type GrantHead, sealGrant } from "../../../formats/rozen/key_grant.ts"
import { encodeEpochs, makeKey, signingSeed } from "../../../formats/rozen/key_make.ts"
import { secretsOf } from "../../../formats/rozen/key_roles.ts"
import { ownerKeyring, type OwnerSecrets } from "../../../formats/rozen/keyring.ts"
import { newSecret } from "../../../formats/rozen/keys.ts"
import { openSecrets } from "../../../formats/rozen/open_secrets.ts"
import { makeKeys } from "../../../formats/rozen/repository_keys.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { runFormat } from "../../suites/format/environment.ts"
import vectors from "../../vectors/rozen_keys.json" with { type: "json" }
import { secretsIn, type VectorObject } from "./key_vectors.ts"

const secrets: { readonly [kind: string]: Secrets } = {
  password: { password: Redacted.make(vectors.password) },
  age: { identities: [Redacted.make(vectors.identity)] },
  "key-file": { key: Redacted.make(hexToBytes(vectors.key)) },
}

type Members = { readonly [name: string]: unknown }

const membersOf = ({ text }: VectorObject): Members => JSON.parse(text)
const bytesOf = (members: unknown): Uint8Array => encodeJson(members)
const others = [vectors.grants.owner, ...vectors.epochs]

/** What becomes of opening a store with these objects. */
const outcome = (objects: ReadonlyArray<readonly [name: string, bytes: Uint8Array]>, given: Secrets): Promise<string> =>
  runFormat(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    for (const [name, bytes] of objects) yield* store.put(name, [bytes], { replace: true })
    return yield* openSecrets(store, given, undefined).pipe(
      Effect.map(({ keyring, pin }) => `opened as ${keyring.role}, epoch ${pin.epoch}`),
      Effect.catch(({ message, reason }) => Effect.succeed(`${reason}: ${message}`)),
    )
  }))
const whole = (objects: ReadonlyArray<VectorObject>) =>
  objects.map(({ name, text }) => [name, new TextEncoder().encode(text)] as const)

/** A lock with a checksum that fits, beside all else. */
const lockOutcome = (kind: string, name: string, members: Members): Promise<string> => {
  const check = bytesToHex(blake3(concat([new TextEncoder().encode(name), encodeJson(members)])))
  return outcome([[name, bytesOf({ ...members, check })], ...whole(others)], secrets[kind]!)
}
const lockMembers = (kind: string): Members => {
  const { check: _, ...members } = membersOf(vectors.locks[kind as "age"])
  return members
}
const nameOf = (kind: string): string => vectors.locks[kind as "age"].name

/** Another value of the same type. */
const other = (value: unknown): unknown =>
  typeof value === "number"
    ? value * 2
    : typeof value === "string"
    ? value.replace(/.$/, (last) => last === "0" ? "1" : "0") || "x"
    : [...value as ReadonlyArray<string>, "aa".repeat(32)]

for (const kind of Object.keys(secrets)) {
  test(`${kind}: every member of a lock is authentic`, async () => {
    const members = lockMembers(kind)
    assert.equal(await lockOutcome(kind, nameOf(kind), members), "opened as owner, epoch 2")
    for (const [name, value] of Object.entries(members)) {
      const failure = await lockOutcome(kind, nameOf(kind), { ...members, [name]: other(value) })
      assert.match(failure, name === "version" ? /^newer/ : /^(wrong-key|corrupt)/, `${name}: ${failure}`)
      const { [name]: _, ...less } = members
      assert.match(await lockOutcome(kind, nameOf(kind), less), /^(wrong-key|corrupt)/, name)
    }
    const { sealed, ...before } = members
    assert.match(await lockOutcome(kind, nameOf(kind), { ...before, more: "", sealed }), /^corrupt/)
    assert.match(await lockOutcome(kind, "KEYS/0123456789abcdef.00000000.json", members), /^wrong-key/)
  })

  test(`${kind}: what is sealed in one lock does not open in another`, async () => {
    for (const another of Object.keys(secrets).filter((one) => one !== kind)) {
      const mixed = { ...lockMembers(kind), sealed: lockMembers(another)["sealed"] }
      assert.match(await lockOutcome(kind, nameOf(kind), mixed), /^wrong-key/)
    }
  })
}

test("age headers that cannot be tried are named", async () => {
  const age = lockMembers("age")
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
    const failure = await lockOutcome("age", nameOf("age"), {
      ...age,
      header: bytesToHex(new TextEncoder().encode(text)),
    })
    assert.match(failure, /^corrupt: KEYS\/\w{16}\.\w{8}\.json is a lock that cannot be tried: /, what)
  }
})

const records = {
  grant: [vectors.grants.writer, [vectors.locks.password, ...vectors.epochs], "opened as writer, epoch 2"],
  epoch: [
    vectors.epochs[1]!,
    [vectors.locks.password, vectors.grants.reader, vectors.epochs[0]!],
    "opened as reader, epoch 2",
  ],
  end: [
    vectors.end,
    [vectors.locks.password, vectors.grants.writer, ...vectors.epochs],
    `wrong-key: The key ${vectors.keyId} was removed from the repository`,
  ],
} as const
/** What is said where the record does not count. */
const ignored = {
  grant:
    /^corrupt: .*KEYS\/.* put a copy of .* back$|^newer: |^corrupt: KEYS\/\S+ (is damaged|was altered|is the grant of)/,
  epoch: /^corrupt: KEYS\/ lacks the record of epoch 2 .*: put a copy of it back|^corrupt: The repository was put back/,
  end: /^opened as writer/,
}

for (const [kind, [record, beside, right]] of Object.entries(records)) {
  test(`${kind}: a record counts only as it was signed`, async () => {
    const tried = (members: Members, name = record.name) =>
      outcome([[name, bytesOf(members)], ...whole(beside)], secrets["password"]!)
    const members = membersOf(record)
    assert.equal(await tried(members), right)
    const wrong = ignored[kind as "end"]
    for (const [name, value] of Object.entries(members)) {
      for (const changed of [other(value), typeof value === "string" ? "" : -1]) {
        if (changed === value) continue
        const failure = await tried({ ...members, [name]: changed })
        assert.match(failure, wrong, `${name}: ${failure}`)
      }
      const { [name]: _, ...less } = members
      assert.match(await tried(less), wrong, name)
    }
    assert.match(await tried({ ...members, more: "" }), wrong)
    if (kind !== "epoch") {
      assert.match(await tried(members, record.name.replace(vectors.keyId, "0123456789abcdef")), wrong)
    }
  })
}

/** All that an owner of these secrets writes, with a key for the password. */
const writtenBy = (owner: OwnerSecrets, password = secrets["password"]!) =>
  Effect.gen(function* () {
    const { epochs, pin } = yield* encodeEpochs(yield* ownerKeyring(owner), owner)
    const key = yield* makeKey({ secrets: owner, pin }, "owner", password as { password: Redacted.Redacted<string> }, {
      cost: { n: 1024, r: 8, p: 1 },
    })
    const objects = [...epochs, key.grant, key.lock].map(({ bytes, object }) => [object, bytes] as const)
    return { objects, epochs, grant: key.grant, lock: key.lock }
  })

test("what is of another repository, or of an owner who was not followed, is not believed", async () => {
  const right = secretsIn(vectors)
  const [first, second] = right.masters
  const keyFile = secrets["key-file"]!
  const mine = whole([vectors.locks["key-file"], ...others])
  const strangers: ReadonlyArray<readonly [string, OwnerSecrets]> = [
    ["another repository", { ...right, id: "ff".repeat(16), masters: [newSecret(), newSecret()] }],
    ["the same owner in another repository", { ...right, id: "ff".repeat(16) }],
    ["the ID with other keys", { ...right, masters: [newSecret(), newSecret()] }],
    ["the ID with other keys, and more epochs", { ...right, masters: [newSecret(), newSecret(), newSecret()] }],
  ]
  for (const [what, owner] of strangers) {
    const { objects } = await runFormat(writtenBy(owner))
    assert.equal(await outcome([...mine, ...objects], keyFile), "opened as owner, epoch 2", what)
    // Its records in the place of ours.
    const replaced = [...objects, ...whole([vectors.locks["key-file"], vectors.grants.reader])]
    assert.match(await outcome(replaced, keyFile), /^corrupt: KEYS\/ lacks the record of epoch 2/, what)
  }
  // An owner of epoch 1 who was left out begins another epoch 2: whoever knows ours does not follow.
  const fork = await runFormat(writtenBy({ ...right, masters: [first!, newSecret()] }))
  assert.equal(await outcome([...mine, ...fork.objects], keyFile), "opened as owner, epoch 2")
  // Whoever knows only epoch 1 is told.
  const old = await runFormat(writtenBy({ ...right, masters: [first!] }, { password: Redacted.make("old") }))
  const both = [...whole(vectors.epochs), ["KEYS/00000000.epoch.json", fork.epochs[1]!.bytes] as const, ...old.objects]
  assert.match(
    await outcome(both, { password: Redacted.make("old") }),
    /^corrupt: Two epochs follow epoch 1, KEYS\/\w{8}\.epoch\.json and KEYS\/\w{8}\.epoch\.json: somebody who was/,
  )
  assert.ok(second)
})

test("a key of a role that a later version has opens nothing, and is kept", () =>
  runFormat(Effect.gen(function* () {
    const owner = secretsIn(vectors)
    const { public: recipient, record: _, wrapped: _w, sealed: _d, signature: _g, version: _v, ...head } = membersOf(
      vectors.grants.owner,
    )
    const later = { ...head, public: recipient, role: "auditor" } as unknown as GrantHead
    const { bytes, object } = yield* sealGrant(later, secretsOf("reader", owner), signingSeed(owner))
    const store = yield* memoryStore.make()
    for (const [name, bytes] of whole([vectors.locks.password, ...vectors.epochs])) yield* store.put(name, [bytes])
    yield* store.put(object, [bytes])
    const { message, reason } = yield* Effect.flip(openSecrets(store, secrets["password"]!, undefined))
    assert.equal(
      `${reason}: ${message}`,
      `newer: The key ${vectors.keyId} has the role auditor, which this Penstock does not know`,
    )

    const { objects } = yield* writtenBy(owner, { password: Redacted.make("mine") })
    for (const [name, bytes] of objects) yield* store.put(name, [bytes], { replace: true })
    const opening = yield* openSecrets(store, { password: Redacted.make("mine") }, undefined)
    const keys = makeKeys({
      ...{ store, opening, options: {}, snapshotsOf: () => Effect.succeed([]) },
      roles: ["owner", "reader", "writer"],
    })
    assert.deepEqual((yield* keys.list).keys.map(({ role }) => role).sort(), ["auditor", "owner"])
    assert.match((yield* Effect.flip(keys.rotate)).message, /has the role auditor, which this Penstock cannot grant/)
  })))

test("a storage that goes back to an earlier epoch is noticed by whoever has seen the later one", async () => {
  const right = secretsIn(vectors)
  const old = await runFormat(writtenBy({ ...right, masters: [right.masters[0]!] }))
  const rolledBack = [...old.objects, ...whole([vectors.locks["key-file"]])]
  assert.match(
    await outcome(rolledBack, secrets["key-file"]!),
    /^corrupt: The repository was put back to an earlier state: this key has seen epoch 2, and KEYS\/ ends with/,
  )
})

test("an owner opens a repository whose records of epochs are lost, and nobody else does", async () => {
  const lock = vectors.locks["key-file"]
  for (const epochs of [[], [vectors.epochs[0]!], [vectors.epochs[1]!]]) {
    const left = (role: "owner" | "reader") => whole([lock, vectors.grants[role], ...epochs])
    assert.equal(await outcome(left("owner"), secrets["key-file"]!), "opened as owner, epoch 2")
    assert.match(await outcome(left("reader"), secrets["key-file"]!), /^corrupt: (KEYS\/ lacks|The repository was put)/)
  }
})

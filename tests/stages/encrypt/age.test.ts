import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Decrypter, Encrypter } from "age-encryption"
import { Effect, Redacted } from "effect"
import fc from "fast-check"
import { nativeAgePayload } from "../../../adapters/kernels/age.ts"
import { nativeScrypt } from "../../../adapters/kernels/scrypt.ts"
import { type AgeAudience, ageKeys, newIdentity, recipientOf, sealHeader } from "../../../stages/encrypt/age.ts"
import {
  AGE_HEADER_MAXIMUM,
  headerLength,
  isAge,
  isForPassphrase,
  stanzaCount,
} from "../../../stages/encrypt/age_header.ts"
import { AgePayloadCipher, openPayload, payloadBytes, sealPayload } from "../../../stages/encrypt/age_payload.ts"
import { Scrypt } from "../../../stages/encrypt/password.ts"
import type { Transform } from "../../../stages/kernel/frames.ts"
import { KernelError } from "../../../stages/kernel/kernel.ts"
import { skipIf } from "../../skip.ts"
import { missing, runTool } from "../../tool.ts"
import { cpuMs } from "../../cpu.ts"

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.provideService(effect, Scrypt, nativeScrypt))

const ciphers = [["portable", AgePayloadCipher.defaultValue()], ["native", nativeAgePayload]] as const

/** Pushes bytes through a transform, in slices of `size` bytes. */
const through = (transform: Transform, bytes: Uint8Array, slice = bytes.length || 1): Uint8Array => {
  const out: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += slice) out.push(...transform.push(bytes.slice(at, at + slice)))
  return new Uint8Array(Buffer.concat([...out, ...transform.end()]))
}

const seal = async (audience: AgeAudience, content: Uint8Array, make = ciphers[0][1], slice?: number) => {
  const { fileKey, header } = await run(sealHeader(audience))
  return Buffer.concat([header, through(sealPayload(make, fileKey), content, slice)])
}

const identities = [await run(newIdentity), await run(newIdentity)]
const recipients = await Promise.all(identities.map((identity) => run(recipientOf(identity))))
const texts = identities.map(Redacted.value)
const passphrase = Redacted.make("correct hörse")
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8))
const SIZES = [0, 1, 65535, 65536, 65537, 131072, 200_000]

describe("age", () => {
  it("reads what the library writes, and writes what the library reads", async () => {
    for (const [, make] of ciphers) {
      for (const size of SIZES) {
        const content = pattern(size)
        const file = await seal({ recipients }, content, make, 1000)
        const decrypter = new Decrypter()
        decrypter.addIdentity(texts[1]!)
        assert.deepEqual(await decrypter.decrypt(new Uint8Array(file)), content)
        const header = headerLength(file)!
        assert.equal(file.length - header, payloadBytes(size))

        const encrypter = new Encrypter()
        encrypter.addRecipient(recipients[0]!)
        const theirs = await encrypter.encrypt(content)
        const end = headerLength(theirs)!
        const keys = await run(ageKeys(identities))
        const opened = await run(keys.open(theirs.slice(0, end)))
        for (const slice of [1 << 20, 65552, 777]) {
          assert.deepEqual(through(openPayload(make, opened!.fileKey), theirs.subarray(end), slice), content)
        }
      }
    }
  })

  it("says which identity opened a header, or that none can", async () => {
    const { header } = await run(sealHeader({ recipients: [recipients[1]!] }))
    assert.deepEqual([stanzaCount(header), isForPassphrase(header), isAge(header)], [1, false, true])
    assert.equal((await run(Effect.flatMap(ageKeys(identities), (keys) => keys.open(header))))?.by, 1)
    for (const keys of [ageKeys(identities.slice(0, 1)), ageKeys([], passphrase)]) {
      assert.equal(await run(Effect.flatMap(keys, ({ open }) => open(header))), undefined)
    }
  })

  it("takes passphrases, as the library does", async () => {
    const { fileKey, header } = await run(sealHeader({ passphrase, logN: 10 }))
    assert.ok(isForPassphrase(header))
    const open = (keys: ReturnType<typeof ageKeys>) => run(Effect.flatMap(keys, ({ open }) => open(header)))
    assert.deepEqual(await open(ageKeys(identities, passphrase)), { fileKey, by: "passphrase" })
    assert.equal(await open(ageKeys([], Redacted.make("correct horse"))), undefined)
    assert.equal(await open(ageKeys(identities)), undefined)
    const library = new Decrypter()
    library.addPassphrase(Redacted.value(passphrase))
    assert.deepEqual(await library.decryptHeader(header), fileKey)
    const huge = Buffer.from(Buffer.from(header).toString("latin1").replace(" 10\n", " 30\n"), "latin1")
    const error = await run(Effect.flip(Effect.flatMap(ageKeys([], passphrase), ({ open }) => open(huge))))
    assert.match(error.message, /work factor/)
  })

  it("refuses invalid recipients and identities, and never prints an identity", async () => {
    for (const recipient of ["", "age1", "ssh-ed25519 AAAA", recipients[0]!.slice(0, -1)]) {
      const error = await run(Effect.flip(sealHeader({ recipients: [recipient] })))
      assert.equal(error.reason, "unsupported")
    }
    const secret = texts[0]!.slice(0, -1)
    const error = await run(Effect.flip(ageKeys([Redacted.make(secret)])))
    assert.equal(error.reason, "unsupported")
    assert.ok(!`${error.message} ${JSON.stringify(error)}`.includes(secret.slice(20, 40)))
  })

  it("refuses a payload that was altered or cut anywhere", async () => {
    const content = pattern(70_000)
    const { fileKey } = await run(sealHeader({ recipients: [recipients[0]!] }))
    for (const [, make] of ciphers) {
      const payload = through(sealPayload(make, fileKey), content)
      const refused = (bytes: Uint8Array, how: string) =>
        assert.throws(
          () => through(openPayload(make, fileKey), bytes),
          (error) => error instanceof KernelError && error.reason === "forged",
          how,
        )
      for (const at of [0, 15, 16, 1000, 65567, 65568, 66000, payload.length - 1]) {
        const changed = payload.slice()
        changed[at]! ^= 1
        refused(changed, `changed at ${at}`)
      }
      for (const length of [0, 15, 16, 31, 32, 65568, 65569, 65584, payload.length - 1]) {
        refused(payload.subarray(0, length), `cut at ${length}`)
      }
      refused(Buffer.concat([payload, Buffer.from([0])]), "longer")
      refused(Buffer.concat([payload.subarray(0, 16), payload.subarray(65568)]), "without its first chunk")
    }
  })

  it("gives corrupt or nothing for a damaged header, and never a wrong key", async () => {
    const { fileKey, header } = await run(sealHeader({ recipients }))
    const keys = await run(ageKeys(identities))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(header.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, change) => {
          const changed = header.slice()
          changed[at]! ^= change
          const result = await run(Effect.result(keys.open(changed)))
          if (result._tag === "Failure") assert.equal(result.failure.reason, "corrupt")
          // The library refuses unused bits of Base64 that are not zero, so no header that differs is opened.
          else assert.notDeepEqual(result.success?.fileKey, fileKey)
        },
      ),
      { numRuns: 150 },
    )
  })

  it(...skipIf(missing("age"), "agrees with the age command"), async () => {
    const directory = mkdtempSync(join(tmpdir(), "penstock-age-"))
    try {
      const content = pattern(200_000)
      const key = join(directory, "key")
      writeFileSync(key, `# a comment\n${texts[0]}\n`)
      assert.deepEqual(runTool("age", ["-d", "-i", key], await seal({ recipients }, content)), content)
      const encrypted = runTool("age", ["-r", recipients[0]!], content)
      const end = headerLength(encrypted)!
      const keys = await run(ageKeys(identities))
      const opened = await run(keys.open(encrypted.subarray(0, end)))
      assert.deepEqual(through(openPayload(nativeAgePayload, opened!.fileKey), encrypted.subarray(end)), content)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it("handles the longest headers quickly, with stanzas for others or for nobody", async () => {
    const { header } = await run(sealHeader({ recipients: [recipients[1]!] }))
    const text = new TextDecoder().decode(header)
    const stanza = text.slice(text.indexOf("-> "), text.indexOf("--- "))
    const keys = await run(ageKeys([identities[0]!]))
    const start = cpuMs()
    for (
      const repeated of [
        stanza,
        "-> a\n\n",
        `-> ${"a ".repeat(1000)}a\n\n`,
        `-> a\n${`${"A".repeat(64)}\n`.repeat(9)}\n`,
      ]
    ) {
      const count = Math.floor((AGE_HEADER_MAXIMUM - 100) / repeated.length)
      const long = `age-encryption.org/v1\n${repeated.repeat(count)}--- ${"A".repeat(43)}\n`
      const bytes = new TextEncoder().encode(long)
      assert.equal(headerLength(bytes), bytes.length)
      const opened = await Effect.runPromise(Effect.result(keys.open(bytes)))
      assert.ok(opened._tag === "Failure" || opened.success === undefined)
    }
    assert.equal(headerLength(new TextEncoder().encode("-> a\n".repeat(30_000))), undefined)
    assert.ok(cpuMs() - start < 20_000, `${Math.round(cpuMs() - start)} ms`)
  })
})

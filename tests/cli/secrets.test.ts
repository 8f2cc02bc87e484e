import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import process from "node:process"
import { test } from "node:test"
import { Effect, Redacted } from "effect"
import { builtIn } from "../../cli/formats.ts"
import type { SecretOptions } from "../../cli/options.ts"
import { ownNames, targetNames } from "../../cli/password.ts"
import { secretsFor } from "../../cli/secrets.ts"
import type { Secrets } from "../../formats/format.ts"
import { inDirectory } from "./spawn.ts"

const none: SecretOptions = {
  passwordFile: undefined,
  recipient: [],
  identity: [],
  keyFile: undefined,
  noEncryption: false,
}
const formatOf = (name: string) => builtIn.find((source) => source.name === name)!

const plain = ({ identities, key, password, recipients }: Secrets): unknown => ({
  ...(identities === undefined ? {} : { identities: identities.map(Redacted.value) }),
  ...(key === undefined ? {} : { key: [...Redacted.value(key)] }),
  ...(password === undefined ? {} : { password: Redacted.value(password) }),
  ...(recipients === undefined ? {} : { recipients }),
})
const given = (format: string, options: Partial<SecretOptions>, names = ownNames): Promise<unknown> =>
  Effect.runPromise(
    secretsFor(formatOf(format), "open", { ...none, ...options }, names).pipe(
      Effect.match({ onFailure: ({ message }) => message, onSuccess: plain }),
    ),
  )

test("each format gets the secrets that it takes, and says which", async () => {
  await inDirectory(async (at) => {
    const write = (name: string, text: string): string => {
      writeFileSync(at(name), text)
      return at(name)
    }
    const passwordFile = write("password", "secret\nsecond line")
    assert.deepEqual(await given("rozen", { passwordFile }), { password: "secret" })
    assert.deepEqual(await given("bkp", { passwordFile }), { password: "secret" })
    assert.deepEqual(await given("zprt", { passwordFile }), { password: "secret" })
    assert.deepEqual(await given("snapshot-catalog", {}), {})

    const one = write("one", "# created: today\n# public key: age1...\nAGE-SECRET-KEY-1ONE\n\nAGE-SECRET-KEY-1TWO\n")
    const identities = ["AGE-SECRET-KEY-1ONE", "AGE-SECRET-KEY-1TWO"]
    assert.deepEqual(await given("zprt", { identity: [one], passwordFile }), { identities })
    assert.deepEqual(await given("zprt", { recipient: ["age1x"], identity: [one] }), {
      identities,
      recipients: ["age1x"],
    })

    const keyFile = write("key", `${"0f".repeat(32)}\n`)
    assert.deepEqual(await given("fogsync", { keyFile }), { key: new Array(32).fill(15) })
    assert.deepEqual(await given("fogsync", { keyFile: write("key64", "Aa".repeat(64)) }), {
      key: new Array(64).fill(170),
    })

    const refused: ReadonlyArray<readonly [string, Partial<SecretOptions>, RegExp]> = [
      ["rozen", { recipient: ["age1x"] }, /^--recipient is not for the format rozen: it takes a password$/],
      ["bkp", { keyFile }, /^--key-file is not for the format bkp: it takes a password$/],
      ["zprt", { keyFile }, /: it takes age keys or a password$/],
      ["snapshot-catalog", { passwordFile }, /^--password-file is not for .*: it has no secrets$/],
      ["fogsync", {}, /needs a key: give --key-file FILE \(64 or 128 hex digits\) or set PENSTOCK_KEY_FILE$/],
      ["fogsync", { keyFile: write("bad", "xyz") }, /must hold 64 or 128 hex digits and nothing else$/],
      ["fogsync", { keyFile: at("absent") }, /^Cannot read the key file .*absent: ENOENT/],
      ["zprt", { identity: [write("empty", "# nothing\n")] }, /^There is no age identity in /],
      ["zprt", { identity: [write("odd", "AGE-SECRET-KEY-1A\nage1x\n")] }, /^Line 2 of the identities in /],
      [
        "zprt",
        { identity: [write("locked", "age-encryption.org/v1\n")] },
        /is encrypted with a passphrase; decrypt it first/,
      ],
    ]
    for (const [format, options, message] of refused) assert.match(String(await given(format, options)), message)
  })
})

test("the variables of the target are others than those of the source", async () => {
  await inDirectory(async (at) => {
    writeFileSync(at("key"), "00".repeat(32))
    const variables = {
      ...{ PENSTOCK_PASSWORD: "source", PENSTOCK_TO_PASSWORD: "target", PENSTOCK_TO_KEY_FILE: at("key") },
      PENSTOCK_TO_RECIPIENTS: "age1a, age1b",
    }
    Object.assign(process.env, variables)
    try {
      assert.deepEqual(await given("rozen", {}), { password: "source" })
      assert.deepEqual(await given("rozen", {}, targetNames), { password: "target" })
      assert.deepEqual(await given("zprt", {}, targetNames), { recipients: ["age1a", "age1b"] })
      assert.deepEqual(await given("fogsync", {}, targetNames), { key: new Array(32).fill(0) })
      assert.match(String(await given("rozen", { keyFile: at("key") }, targetNames)), /^--to-key-file is not for/)
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name]
    }
  })
})

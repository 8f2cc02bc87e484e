import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import process from "node:process"
import { test } from "node:test"
import { Effect, Redacted } from "effect"
import { builtInFormats } from "../../../cli/repository/formats.ts"
import type { SecretOptions } from "../../../cli/arguments/inputs.ts"
import { ownNames, targetNames } from "../../../cli/secrets/password.ts"
import { givenSecrets, secretsFor } from "../../../cli/secrets/secrets.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { inDirectory } from "../process/spawn.ts"

const none: SecretOptions = {
  passwordFile: undefined,
  passwordCommand: undefined,
  recipient: [],
  identity: [],
  keyFile: undefined,
  noEncryption: false,
}
const formatOf = (name: string) => builtInFormats.find((source) => source.name === name)!

const plain = ({ identities, key, password, recipients }: Secrets): unknown => ({
  ...(identities === undefined ? {} : { identities: identities.map(Redacted.value) }),
  ...(key === undefined ? {} : { key: [...Redacted.value(key)] }),
  ...(password === undefined ? {} : { password: Redacted.value(password) }),
  ...(recipients === undefined ? {} : { recipients }),
})
const given = (format: string, options: Partial<SecretOptions>, names = ownNames): Promise<unknown> =>
  Effect.runPromise(
    givenSecrets({ ...none, ...options }, names).pipe(
      Effect.flatMap((given) =>
        secretsFor(formatOf(format), "open", given, names, `a repository of the format ${format}`)
      ),
      Effect.match({ onFailure: ({ message }) => message, onSuccess: plain }),
    ),
  )

test("each format gets the secrets that it takes; a message names them", async () => {
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
    assert.deepEqual(await given("zprt", { identity: [one] }), { identities })
    assert.deepEqual(await given("rozen", { identity: [one] }), { identities })
    assert.deepEqual(await given("zprt", { recipient: ["age1x"], identity: [one] }), {
      identities,
      recipients: ["age1x"],
    })

    const keyFile = write("key", `${"0f".repeat(32)}\n`)
    assert.deepEqual(await given("rozen", { keyFile }), { key: new Array(32).fill(15) })
    assert.deepEqual(await given("fogsync", { keyFile }), { key: new Array(32).fill(15) })
    assert.deepEqual(await given("fogsync", { keyFile: write("key64", "Aa".repeat(64)) }), {
      key: new Array(64).fill(170),
    })

    const refused: ReadonlyArray<readonly [string, Partial<SecretOptions>, RegExp]> = [
      [
        "bkp",
        { recipient: ["age1x"] },
        /^--recipient is given, but .* bkp takes a password: leave --recipient out$/,
      ],
      ["bkp", { keyFile }, /^--key-file is given, but .* bkp takes a password: leave --key-file out$/],
      ["zprt", { keyFile }, / takes age keys or a password: leave --key-file out$/],
      [
        "zprt",
        { identity: [one], passwordFile },
        /^--password-file and --identity are given, .*, not both: leave one out$/,
      ],
      ["fogsync", { identity: [one], keyFile }, /^--identity is given, but .* takes a key file: leave --identity out$/],
      [
        "snapshot-catalog",
        { passwordFile },
        /^--password-file is given, but .* is not encrypted: leave --password-file out$/,
      ],
      ["fogsync", {}, /needs a key: give --key-file FILE \(64 or 128 hex digits\) or set PENSTOCK_KEY_FILE$/],
      ["fogsync", { keyFile: write("bad", "xyz") }, /must hold 64 or 128 hex digits and nothing else$/],
      ["fogsync", { keyFile: at("absent") }, /^Cannot read the key file .*absent: ENOENT/],
      ["zprt", { identity: [write("empty", "# nothing\n")] }, /^There is no age identity in /],
      ["zprt", { identity: [write("odd", "AGE-SECRET-KEY-1A\nage1x\n")] }, /^Line 2 of the identities in /],
      [
        "zprt",
        { identity: [write("locked", "age-encryption.org/v1\n")] },
        /is encrypted with a passphrase: decrypt it first/,
      ],
    ]
    for (const [format, options, message] of refused) assert.match(String(await given(format, options)), message)
  })
})

/** Runs with these variables. */
const withVariables = async (variables: Readonly<Record<string, string>>, use: () => Promise<void>): Promise<void> => {
  Object.assign(process.env, variables)
  try {
    await use()
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name]
  }
}

test("the target has its own variables", async () => {
  await inDirectory(async (at) => {
    writeFileSync(at("key"), "00".repeat(32))
    await withVariables({ PENSTOCK_PASSWORD: "source", PENSTOCK_TO_PASSWORD: "target" }, async () => {
      assert.deepEqual(await given("rozen", {}), { password: "source" })
      assert.deepEqual(await given("rozen", {}, targetNames), { password: "target" })
      assert.match(String(await given("fogsync", {}, targetNames)), /^PENSTOCK_TO_PASSWORD is given, but/)
    })
    await withVariables({ PENSTOCK_PASSWORD: "source", PENSTOCK_TO_RECIPIENTS: "age1a, age1b" }, async () => {
      assert.deepEqual(await given("zprt", {}, targetNames), { recipients: ["age1a", "age1b"] })
      assert.match(String(await given("bkp", {}, targetNames)), /^PENSTOCK_TO_RECIPIENTS is given, but/)
    })
    await withVariables({ PENSTOCK_PASSWORD: "source", PENSTOCK_TO_KEY_FILE: at("key") }, async () => {
      assert.deepEqual(await given("fogsync", {}, targetNames), { key: new Array(32).fill(0) })
      assert.match(String(await given("bkp", {}, targetNames)), /^PENSTOCK_TO_KEY_FILE is given, but/)
    })
  })
})

test("a password from an option, a file or a command", async () => {
  await inDirectory(async (at) => {
    writeFileSync(at("file"), "in a file\n")
    const passwordFile = at("file")
    const passwordCommand = "echo by a command; echo second line"
    assert.deepEqual(await given("rozen", { passwordCommand }), { password: "by a command" })
    await withVariables({ PENSTOCK_PASSWORD: "by a variable" }, async () => {
      assert.deepEqual(await given("rozen", {}), { password: "by a variable" })
      assert.deepEqual(await given("rozen", { passwordFile }), { password: "in a file" })
    })
    await withVariables(
      { PENSTOCK_PASSWORD_FILE: passwordFile, PENSTOCK_TO_PASSWORD_COMMAND: passwordCommand },
      async () => {
        assert.deepEqual(await given("rozen", {}), { password: "in a file" })
        assert.deepEqual(await given("rozen", {}, targetNames), { password: "by a command" })
      },
    )
    await withVariables({ PENSTOCK_PASSWORD_FILE: passwordFile, PENSTOCK_PASSWORD: "x" }, async () => {
      assert.match(
        String(await given("rozen", {})),
        /^PENSTOCK_PASSWORD and PENSTOCK_PASSWORD_FILE both give the password/,
      )
    })
    const refused: ReadonlyArray<readonly [Partial<SecretOptions>, RegExp]> = [
      [
        { passwordFile, passwordCommand },
        /^--password-file and --password-command both give the password: leave one out$/,
      ],
      [
        { passwordCommand: "echo hunter2; exit 3" },
        /^The command of --password-command gives no password: its exit code is 3$/,
      ],
      [
        { passwordCommand: "true # hunter2" },
        /^The first line that the command of --password-command prints is empty$/,
      ],
      [{ passwordCommand: "kill -9 $$ # hunter2" }, /: SIGKILL ended it$/],
    ]
    for (const [options, message] of refused) {
      const said = String(await given("rozen", options))
      assert.match(said, message)
      assert.ok(!said.includes("hunter2"), said)
    }
  })
})

test("a password is text: UTF-8, or UTF-16 with a mark; anything else is refused and not shown", async () => {
  const utf16 = (text: string, swap: boolean): Uint8Array => {
    const bytes = Buffer.from(`\ufeff${text}`, "utf16le")
    return swap ? bytes.swap16() : bytes
  }
  const latin = Buffer.from([...Buffer.from("hunter2-caf"), 0xe9])
  await inDirectory(async (at) => {
    const password = (bytes: Uint8Array): Promise<unknown> => {
      writeFileSync(at("file"), bytes)
      return given("rozen", { passwordFile: at("file") })
    }
    const wanted = { password: "pässwort ✓" }
    for (const text of ["pässwort ✓", "\ufeffpässwort ✓\r\nsecond"]) {
      assert.deepEqual(await password(Buffer.from(text)), wanted)
    }
    for (const swap of [false, true]) assert.deepEqual(await password(utf16("pässwort ✓\r\n", swap)), wanted)
    assert.deepEqual(await given("rozen", { passwordCommand: `cat ${at("file")}` }), wanted)
    await withVariables({ PENSTOCK_PASSWORD: "\ufeffpässwort ✓" }, async () => {
      assert.deepEqual(await given("rozen", {}), wanted)
    })

    const half = utf16("x", false)
    const refused = [await password(latin), await password(half.subarray(0, half.length - 1))]
    writeFileSync(at("file"), latin)
    refused.push(await given("rozen", { passwordCommand: `cat ${at("file")}` }))
    await withVariables({ PENSTOCK_PASSWORD: "hunter2-caf\ufffd" }, async () => {
      refused.push(await given("rozen", {}))
    })
    for (const said of refused) {
      assert.match(String(said), / is not text in UTF-8/)
      assert.ok(!String(said).includes("hunter2"), String(said))
    }
    for (
      const [format, options] of [["zprt", { identity: [at("file")] }], ["fogsync", { keyFile: at("file") }]] as const
    ) {
      assert.match(String(await given(format, options)), / is not text in UTF-8/)
    }
  })
})

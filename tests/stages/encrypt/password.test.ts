import assert from "node:assert/strict"
import { describe, it, test } from "node:test"
import { Effect, Fiber, Redacted } from "effect"
import { nativeScrypt } from "../../../adapters/kernels/scrypt.ts"
import { deriveKey, type PasswordParams, Scrypt } from "../../../stages/encrypt/password.ts"
import { noise } from "../../suites/noise.ts"

const params: PasswordParams = { kdf: "scrypt", n: 1024, r: 8, p: 16, salt: noise(16) }
const password = Redacted.make("pleaseletmein")
const hex = (key: Redacted.Redacted<Uint8Array>): string => Buffer.from(Redacted.value(key)).toString("hex")

/** Known answers, computed with hashlib.scrypt of Python. */
const known: ReadonlyArray<{ readonly params: PasswordParams; readonly password: string; readonly key: string }> = [
  {
    params: { kdf: "scrypt", n: 1024, r: 8, p: 16, salt: Uint8Array.from({ length: 16 }, (_, i) => i) },
    password: "pleaseletmein",
    key: "043c16ec27c2804eb0e737d9187ca7ba248cb30e274ef16bd1e080f828e527b9",
  },
  {
    params: { kdf: "scrypt", n: 16384, r: 8, p: 1, salt: Uint8Array.from({ length: 64 }, (_, i) => i) },
    password: "\u00e9\u{1f511}",
    key: "90ac14d9f94bccf13bef60f40073866182a3e2e3dcdae7512af5c57ae7032ac6",
  },
]

const implementations = [
  ["portable", deriveKey],
  [
    "native",
    (word: typeof password, how: PasswordParams) =>
      deriveKey(word, how).pipe(Effect.provideService(Scrypt, nativeScrypt)),
  ],
] as const

for (const [name, derive] of implementations) {
  describe(`deriveKey, ${name}`, () => {
    it("gives known answers", async () => {
      for (const { params, password, key } of known) {
        assert.equal(hex(await Effect.runPromise(derive(Redacted.make(password), params))), key)
      }
    })
    it("derives the same key from composed and decomposed characters", async () => {
      const keys = await Promise.all(
        ["\u00e9", "e\u0301"].map((word) => Effect.runPromise(derive(Redacted.make(word), params))),
      )
      assert.equal(hex(keys[0]!), hex(keys[1]!))
    })
  })
}

test("hostile params are refused before any work", async () => {
  const bad: ReadonlyArray<Partial<Record<keyof PasswordParams, unknown>>> = [
    { kdf: "argon2" },
    { n: 512 },
    { n: 1025 },
    { n: 2 ** 21 },
    { n: 2 ** 40 },
    { n: Number.NaN },
    { r: 0 },
    { r: 33 },
    { p: 17 },
    { p: 0.5 },
    { n: 2 ** 20, r: 9 },
    { salt: new Uint8Array(8) },
    { salt: new Uint8Array(65) },
  ]
  for (const change of bad) {
    let called = false
    const refused = await Effect.runPromise(
      deriveKey(password, { ...params, ...change } as PasswordParams).pipe(
        Effect.provideService(Scrypt, () => {
          called = true
          return Promise.resolve(new Uint8Array(32))
        }),
        Effect.flip,
      ),
    )
    assert.equal(refused.reason, "unsupported")
    assert.equal(called, false, JSON.stringify(change))
  }
})

test("an interruption stops the portable computation", async () => {
  const long: PasswordParams = { ...params, n: 2 ** 17, p: 16 }
  await Effect.runPromise(Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(deriveKey(password, long))
    yield* Effect.sleep(50)
    yield* Fiber.interrupt(fiber)
  }))
})

/** A server without extensions, with short reads, and logins by password. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { sftpStore } from "../../../../adapters/store/sftp/sftp.ts"
import { type BareSftp, startBareSftp } from "../../../servers/bare_sftp.ts"

const password = "open sesame"
const bytes = new Uint8Array(100_000).map((_, i) => (i * 2654435761) >>> 13)

const withServer = async (
  method: "password" | "keyboard-interactive",
  use: (server: BareSftp) => Promise<void>,
): Promise<void> => {
  const server = await startBareSftp({ method, password })
  try {
    await use(server)
  } finally {
    await server.stop()
  }
}

const openBare = ({ location }: BareSftp, given = password) =>
  sftpStore.make(location, { create: true, agent: "", config: "/dev/null", password: Redacted.make(given) })

describe("a bare SFTP server", () => {
  it("holds objects, and declares or refuses what it cannot do", () =>
    withServer("password", (server) =>
      Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const store = yield* openBare(server)
        assert.equal(store.properties.durable, false)
        const races = Array.from({ length: 12 }, (_, i) => Effect.exit(store.put("race", [bytes.subarray(0, i)])))
        const won = (yield* Effect.all(races, { concurrency: "unbounded" })).map((exit) => exit._tag === "Success")
        assert.equal(won.filter((one) => one).length, 1)
        assert.equal((yield* store.stat("race")).size, won.indexOf(true))
        yield* store.put("DATA/a/1", [bytes])
        yield* store.put("DATA/a/2", [bytes.subarray(0, 31 << 10), bytes.subarray(31 << 10)])
        for (let i = 0; i < 10; i++) yield* store.put(`DATA/b/${i}`, [bytes.subarray(0, i)])
        for (const name of ["DATA/a/1", "DATA/a/2"]) {
          assert.deepEqual(yield* store.get(name, { atMost: Infinity }), bytes)
        }
        const range = { offset: 12_345, length: 54_321 }
        assert.deepEqual(yield* store.get("DATA/a/1", range), bytes.slice(12_345, 66_666))
        assert.deepEqual(yield* store.get("DATA/a/1", { offset: -5, length: 5 }), bytes.slice(-5))
        assert.equal((yield* Effect.flip(store.get("DATA/a/1", { offset: 99_999, length: 2 }))).reason, "corrupt")
        assert.equal((yield* Effect.flip(store.get("DATA/a", { atMost: Infinity }))).reason, "not-found")
        assert.equal((yield* Effect.flip(store.put("DATA/a/1", [bytes]))).reason, "exists")
        const replaced = yield* Effect.flip(store.put("DATA/a/1", [bytes], { replace: true }))
        assert.equal(replaced.reason, "io")
        assert.match(replaced.message, /no posix-rename@openssh\.com/)
        yield* store.put("new", [bytes], { replace: true })
        assert.equal((yield* Stream.runCollect(store.list(""))).length, 14)
        yield* store.remove("new")
        yield* store.remove("new")
        const under = yield* Effect.flip(store.put("DATA/a/1/x", [bytes]))
        assert.match(under.message, /a file stands in its place/)
        assert.deepEqual(server.files().filter((path) => path.startsWith("/store/tmp/")), [])
      })))))

  it("may ask for the password by keyboard-interactive", () =>
    withServer("keyboard-interactive", (server) =>
      Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        yield* (yield* openBare(server)).put("x", [bytes])
        const error = yield* Effect.flip(openBare(server, "open barley"))
        assert.equal(error.reason, "denied")
        assert.match(
          error.message,
          /does not let ann@.* in: tried the password, typed in; .*takes keyboard-interactive/,
        )
        assert.doesNotMatch(error.message, /barley/)
      })))))
})

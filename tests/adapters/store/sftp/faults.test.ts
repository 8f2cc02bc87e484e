/** Operations on a server that dies, is full, or refuses. */
import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs"
import process from "node:process"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import { retry } from "../../../../adapters/store/retry/retry.ts"
import { sftpStore } from "../../../../adapters/store/sftp/sftp.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { noSshd, type Sshd, type SshdOptions, startSshd } from "../../../servers/sshd.ts"
import { skipIf } from "../../../skip.ts"

const skip = { skip: noSshd ?? false }

const withServer = (
  body: (
    sshd: Sshd,
    open: Effect.Effect<ObjectStore, StoreError, Scope.Scope>,
  ) => Effect.Effect<void, unknown, Scope.Scope>,
  options?: SshdOptions,
): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const sshd = yield* Effect.acquireRelease(
      Effect.promise(() => startSshd(options)),
      (sshd) => Effect.promise(sshd.stop),
    )
    const open = Effect.suspend(() =>
      sftpStore.make(sshd.location("store"), { create: true, agent: "", config: "/dev/null" })
    )
    yield* Effect.scoped(body(sshd, open))
  })))

const content = (seed: number, length = 100_000): Uint8Array =>
  new Uint8Array(length).map((_, i) => (i * 2654435761 + seed) >>> 11)

/** Why a small file system cannot be mounted here, or undefined. */
const noMount = ((): string | undefined => {
  if (process.getuid?.() !== 0) return "only root can mount a file system"
  const able = spawnSync("sh", ["-c", "command -v mkfs.ext4 mount umount && test -e /dev/loop-control"], {
    encoding: "utf8",
  })
  return able.status === 0 ? undefined : "there is no mkfs.ext4, or no loop device"
})()

describe("an SFTP store whose server", skip, () => {
  it("is killed and comes back loses nothing, with retries around it", () =>
    withServer((sshd, open) =>
      Effect.gen(function* () {
        const plain = yield* open
        const store = retry(plain, { base: "50 millis", longest: "200 millis" })
        let done = 0
        const put = (i: number) =>
          Effect.tap(store.put(`DATA/${i % 8}/${i}`, [content(i)]), () =>
            Effect.promise(async () => {
              if (++done === 30) {
                await sshd.kill()
                setTimeout(() => sshd.start(), 300)
              }
              if (done === 60) {
                await sshd.kill()
                await sshd.start()
              }
            }))
        yield* Effect.forEach(Array.from({ length: 100 }, (_, i) => i), put, { concurrency: 8, discard: true })
        assert.ok(done >= 100)
        const listed = yield* Stream.runCollect(store.list("DATA/"))
        assert.equal(listed.length, 100)
        for (let i = 0; i < 100; i += 7) {
          assert.deepEqual(yield* store.get(`DATA/${i % 8}/${i}`, { atMost: Infinity }), content(i))
        }
      })
    ))

  it("is gone makes operations fail as unavailable, and the next one connects again", () =>
    withServer((sshd, open) =>
      Effect.gen(function* () {
        const store = yield* open
        yield* store.put("x", [content(1)])
        const writer = yield* store.create("grown")
        yield* writer.append(content(2))
        yield* Effect.promise(sshd.kill)
        for (
          const operation of [
            store.get("x", { atMost: Infinity }),
            store.put("y", [content(1)]),
            store.stat("x"),
            store.remove("x"),
          ]
        ) {
          const error = yield* Effect.flip(operation)
          assert.equal(error.reason, "unavailable", error.message)
          assert.ok(error.object.length > 0)
        }
        assert.equal((yield* Effect.flip(Stream.runDrain(store.list("")))).reason, "unavailable")
        assert.equal((yield* Effect.flip(open)).reason, "unavailable")
        yield* Effect.promise(sshd.start)
        assert.deepEqual(yield* store.get("x", { atMost: Infinity }), content(1))
        assert.equal((yield* Effect.flip(writer.append(content(3)))).reason, "unavailable")
        yield* store.put("y", [content(4)])
        assert.equal((yield* Effect.flip(store.stat("grown"))).reason, "not-found")
      })
    ))

  it("refuses writes fails them as denied, and can still be read", () =>
    withServer((sshd, open) =>
      Effect.gen(function* () {
        mkdirSync(sshd.at("store"))
        writeFileSync(sshd.at("store/x"), "hello")
        const store = yield* open
        assert.deepEqual(yield* store.get("x", { atMost: Infinity }), new TextEncoder().encode("hello"))
        for (const write of [store.put("y", [content(1)]), store.remove("x")]) {
          const error = yield* Effect.flip(write)
          assert.equal(error.reason, "denied", error.message)
          assert.match(error.message, /permission denied; check the owner/)
        }
        const missing = yield* Effect.flip(
          sftpStore.make(sshd.location("other"), { create: true, agent: "", config: "/dev/null" }),
        )
        assert.equal(missing.reason, "denied", missing.message)
        assert.match(missing.message, /Cannot make sftp:.*permission denied.*sftp:\/\/host\/~\/path/)
      }), { sftp: "internal-sftp -R" }))

  it("has no SFTP is reported", () =>
    withServer((_, open) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(open)
        assert.equal(error.reason, "io")
        assert.match(error.message, /no SFTP session .*"Subsystem sftp"/)
      }), { sftp: "" }))

  it("has a broken program for SFTP is reported", () =>
    withServer((_, open) =>
      Effect.gen(function* () {
        assert.match((yield* Effect.flip(open)).message, /no SFTP session/)
      }), { sftp: "/bin/false" }))

  it("lacks the directory is reported, unless the directory is to be made", () =>
    withServer((sshd) =>
      Effect.gen(function* () {
        const none = yield* Effect.flip(sftpStore.make(sshd.location("a/b/c"), { agent: "", config: "/dev/null" }))
        assert.equal(none.reason, "not-found")
        assert.ok(none.message.includes(sshd.at("a/b/c")), none.message)
        yield* sftpStore.make(sshd.location("a/b/c"), { create: true, agent: "", config: "/dev/null" })
        assert.ok(statSync(sshd.at("a/b/c")).isDirectory())
        writeFileSync(sshd.at("file"), "")
        const file = yield* Effect.flip(
          sftpStore.make(sshd.location("file/x"), { create: true, agent: "", config: "/dev/null" }),
        )
        assert.equal(file.reason, "io", file.message)
        assert.match(file.message, /a file stands in its place/)
      })
    ))

  it("has old temporary files loses them, and keeps new ones", () =>
    withServer((sshd, open) =>
      Effect.gen(function* () {
        mkdirSync(sshd.at("store/tmp"), { recursive: true })
        for (const name of ["old", "new"]) writeFileSync(sshd.at(`store/tmp/${name}`), "")
        const yesterday = Date.now() / 1000 - 25 * 3600
        utimesSync(sshd.at("store/tmp/old"), yesterday, yesterday)
        const store = yield* open
        assert.deepEqual(readdirSync(sshd.at("store/tmp")), ["new"])
        yield* store.put("x", [content(1)])
        yield* Effect.flip(store.put("x", [content(1)]))
        yield* store.put("x", [content(1)], { replace: true })
        assert.deepEqual(readdirSync(sshd.at("store/tmp")), ["new"])
        assert.equal(statSync(sshd.at("store/x")).mode & 0o777, 0o600)
      })
    ))

  const [full, skipFull] = skipIf(
    noMount,
    "has a full disk is reported as full, and takes writes again when there is room",
  )
  it(full, skipFull, () =>
    withServer((sshd, open) =>
      Effect.gen(function* () {
        const image = sshd.at("image")
        mkdirSync(sshd.at("store"))
        execFileSync("truncate", ["-s", "4M", image])
        execFileSync("mkfs.ext4", ["-q", "-m", "0", image], { stdio: "ignore" })
        yield* Effect.acquireRelease(
          Effect.sync(() => execFileSync("mount", ["-o", "loop", image, sshd.at("store")])),
          () => Effect.sync(() => execFileSync("umount", [sshd.at("store")])),
        )
        const store = yield* open
        yield* store.put("small", [content(1)])
        const error = yield* Effect.flip(store.put("large", [content(2, 8_000_000)]))
        assert.equal(error.reason, "full", error.message)
        assert.match(error.message, /no space is left on the disk of the server/)
        assert.deepEqual(readdirSync(sshd.at("store/tmp")), [], "the temporary file is gone")
        yield* store.put("after", [content(3)])
        assert.deepEqual(yield* store.get("after", { atMost: Infinity }), content(3))
      })
    ))
})

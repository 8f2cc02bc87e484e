/**
 * Objects of 5 GiB, whose lengths and offsets do not fit into 32 bits. The files are sparse, and only their last bytes
 * are read.
 */
import assert from "node:assert/strict"
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import { httpStore } from "../../../../adapters/store/http/http.ts"
import { localStore } from "../../../../adapters/store/local/local.ts"
import { sftpStore } from "../../../../adapters/store/sftp/sftp.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { apache, apacheMissing } from "../../../servers/apache.ts"
import { nginx, nginxMissing } from "../../../servers/nginx.ts"
import { noSshd, startSshd } from "../../../servers/sshd.ts"
import { skipIf } from "../../../skip.ts"
import { temporaryDirectory } from "../local/directory.ts"
import { openScripted, reply, scripted as scriptedS3 } from "../s3/scripted.ts"
import { openNewCollection } from "../webdav/open.ts"

const SIZE = 5 * 2 ** 30
const END = new TextEncoder().encode("the end")

/** Makes the object `DATA/far` in the directory of a store. */
const plant = (directory: string): void => {
  mkdirSync(join(directory, "DATA"), { recursive: true })
  const file = openSync(join(directory, "DATA/far"), "wx")
  writeSync(file, END, 0, END.length, SIZE - END.length)
  closeSync(file)
}

const reads = Effect.fnUntraced(function* (store: ObjectStore) {
  assert.deepEqual(yield* store.stat("DATA/far"), { name: "DATA/far", size: SIZE })
  assert.deepEqual(yield* Stream.runCollect(store.list("DATA/")), [{ name: "DATA/far", size: SIZE }])
  const get = (offset: number, length: number) => store.get("DATA/far", { offset, length })
  assert.deepEqual(yield* get(SIZE - END.length, END.length), END)
  assert.deepEqual(yield* get(-END.length, END.length), END)
  assert.deepEqual(yield* get(-END.length, 3), END.slice(0, 3))
  assert.deepEqual(yield* get(2 ** 32 - 2, 4), new Uint8Array(4))
  assert.equal((yield* Effect.flip(get(SIZE - 3, 4)).pipe(Effect.orDie)).reason, "corrupt")
})

const runScoped = (body: Effect.Effect<void, StoreError, Scope.Scope>): Promise<void> =>
  Effect.runPromise(Effect.scoped(body))

describe("an object of 5 GiB", () => {
  it("is read in a local directory", () =>
    runScoped(Effect.gen(function* () {
      const path = yield* temporaryDirectory
      plant(path)
      yield* reads(yield* localStore.make(path))
    })))

  it(...skipIf(noSshd, "is read over SFTP"), () =>
    runScoped(Effect.gen(function* () {
      const sshd = yield* Effect.acquireRelease(
        Effect.promise(() => startSshd()),
        (sshd) => Effect.promise(() => sshd.stop()),
      )
      plant(sshd.at("far"))
      yield* reads(yield* sftpStore.make(sshd.location("far"), { config: "/dev/null" }))
    })))

  for (const [name, missing, server] of [["nginx", nginxMissing, nginx], ["Apache", apacheMissing, apache]] as const) {
    it(...skipIf(missing, `is read over WebDAV and HTTP from ${name}`), () =>
      runScoped(Effect.gen(function* () {
        const web = yield* server
        plant(join(web.folder, "one/two"))
        yield* reads(yield* openNewCollection(web))
        yield* reads(yield* httpStore.make(`${web.files}one/two`))
      })))
  }

  it("is read in ranges over S3, from a server that claims that length", () =>
    runScoped(Effect.gen(function* () {
      const server = yield* scriptedS3
      const store = yield* openScripted(server)
      const from = SIZE - END.length
      server.answer(reply(206, "the end", { "content-range": `bytes ${from}-${SIZE - 1}/${SIZE}` }))
      assert.deepEqual(yield* store.get("DATA/far", { offset: from, length: END.length }), END)
      assert.equal(server.seen.at(-1)!.headers.range, `bytes=5368709113-5368709119`)
    })))
})

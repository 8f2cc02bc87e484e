/**
 * How archives are written: what is stored once, in which order, what is copied from the old archive, and what happens
 * when two runs race.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { SourceError } from "../../../stages/walk/errors.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { makeZprt, type ZprtOptions } from "../../../formats/zprt/mod.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { noise } from "../../suites/noise.ts"
import {
  alice,
  archiveOf,
  bob,
  contentsOf,
  inStore,
  options,
  read,
  secrets,
  stored,
  toAlice,
  toBob,
} from "./harness.ts"
import { walk } from "./harness.ts"

const TREE = { "a": { content: "apple" }, "b": { content: noise(50_000, 1) }, "c": { content: noise(70_000, 2) } }
const file = (path: string, content: NonNullable<Entry["content"]>, size?: number): Entry => ({
  path,
  kind: "file",
  metadata: {},
  size,
  content,
})

/** Backs up the same tree again, with other secrets or options. Gives how many contents were copied as stored. */
const again = (write: ZprtOptions, first: Secrets, second: Secrets, parent?: "none") =>
  inStore(undefined, (store) =>
    Effect.gen(function* () {
      yield* (yield* makeZprt(write).create(first)).backup(walk(TREE), options)
      const old = Buffer.from(yield* stored(store)).toString("latin1")
      const repository = yield* makeZprt(write).open(second)
      const summary = yield* repository.backup(walk(TREE), { ...options, ...(parent === undefined ? {} : { parent }) })
      assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
      // The header of an age file has random bytes, so an old header shows an old content.
      const headers = Buffer.from(yield* stored(store)).toString("latin1").match(/-> X25519 \S+/g)!
      return { summary, kept: headers.filter((header) => old.includes(header)).length }
    }))

describe("writing zprt archives", () => {
  it("stores contents in random order, and in the same order with a seed", async () => {
    const tree = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`f${i}`, { content: noise(100 << i, i + 1) }]),
    )
    const lengths = async (seed: number) => {
      const archive = Buffer.from(await archiveOf(tree, makeZprt({ seed })))
      const starts = [...archive.toString("latin1").matchAll(/age-encryption\.org\/v1\n/g)].map(({ index }) => index)
      return starts.slice(1).map((at, i) => at - starts[i]!)
    }
    const [one, same, other] = [await lengths(1), await lengths(1), await lengths(2)]
    assert.deepEqual(one, same)
    assert.notDeepEqual(one, other)
    assert.deepEqual(one.toSorted(), other.toSorted())
    const rising = one.toSorted((a, b) => a - b)
    assert.notDeepEqual(one, rising)
  })

  it("copies the stored bytes of unchanged contents", async () => {
    const { kept, summary } = await again({}, secrets, secrets)
    assert.equal(kept, 3)
    assert.deepEqual([summary.chunksNew, summary.chunksReused, summary.bytesAdded], [0, 3, 0])
    const password = { password: Redacted.make("x") }
    assert.equal((await again({ scryptLogN: 10 }, password, password)).kept, 3)
  })

  it("does not copy them if it cannot tell whom they are for, or is told not to", async () => {
    const both: Secrets = { recipients: [toAlice, toBob], identities: [alice] }
    // Each has an identity that opens the old contents. But nothing shows whether they are for Bob, too.
    assert.equal((await again({}, both, secrets)).kept, 0)
    assert.equal((await again({}, secrets, both)).kept, 0)
    assert.equal((await again({}, both, both)).kept, 0)
    assert.equal((await again({}, secrets, { recipients: [toBob], identities: [alice, bob] })).kept, 0)
    assert.equal((await again({ reuse: "never" }, secrets, secrets)).kept, 0)
    assert.equal((await again({}, secrets, secrets, "none")).kept, 0)
    assert.equal((await again({ reuse: "trusted" }, both, both)).kept, 6)
  })

  it("stores large contents once, also when they are stored already, and reads a stream once", () =>
    inStore(undefined, () =>
      Effect.gen(function* () {
        const large = noise(5_000_000, 3)
        let opened = 0
        const reader = () => ({
          open: () => {
            let at = 0
            opened++
            return {
              read: (into: Uint8Array) => {
                const part = large.subarray(at, at + into.length)
                into.set(part)
                at += part.length
                return part.length
              },
              finish: () => ({ changed: false, size: at, metadata: {} }),
              close: () => {},
            }
          },
        })
        let read = false
        const once = Stream.suspend(() => {
          if (read) return Stream.fail(new SourceError({ reason: "changed", path: "in", message: "Read twice" }))
          read = true
          return Stream.fromIterable([large.subarray(0, 3_000_000), large.subarray(3_000_000)])
        })
        const repository = yield* makeZprt().create(secrets)
        const entries = Stream.fromIterable([
          file("in", once),
          file("one", reader(), large.length),
          file("other", large, large.length),
        ])
        const summary = yield* repository.backup(entries, options)
        assert.deepEqual(summary.problems, [])
        assert.deepEqual([summary.chunksNew, summary.chunksReused, summary.bytesAdded], [1, 2, large.length])
        assert.equal(opened, 1)
        const second = yield* repository.backup(Stream.fromIterable([file("one", reader(), large.length)]), options)
        assert.deepEqual([second.chunksNew, second.bytesAdded, opened], [0, 0, 2])
        const third = yield* repository.backup(
          Stream.fromIterable([file("new", { ...reader() }, 4_999_999)]),
          { ...options, parent: "none" },
        )
        assert.deepEqual([third.chunksNew, third.bytes, opened], [1, large.length, 3])
        assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
      })))

  it("loses only that file when a large file breaks off", () =>
    inStore(undefined, () =>
      Effect.gen(function* () {
        const repository = yield* makeZprt().create(secrets)
        const broken = Stream.concat(
          Stream.succeed(noise(5_000_000, 4)),
          Stream.fail(new SourceError({ reason: "io", path: "b", message: "The disk is broken" })),
        )
        const entries = Stream.fromIterable([
          file("a", new Uint8Array(3), 3),
          file("b", broken),
          file("c", broken, 9e6),
        ])
        const { problems } = yield* repository.backup(entries, options)
        assert.deepEqual(problems.map(({ path }) => path), ["b", "c"])
        assert.deepEqual(Object.keys(yield* contentsOf(repository)), ["a"])
        assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
      })))

  it("lists a directory in which nothing is stored", async () => {
    const archive = await archiveOf({
      "d/link": { symlink: "x" },
      "e/f/g": { directory: true },
      "h/i": { content: "" },
    })
    assert.deepEqual(await read(archive), { "d": null, "e/f/g": null, "h/i": "" })
  })

  it("gives the same tree the same ID, however it is stored", async () => {
    const ids = await Promise.all(
      [makeZprt({ seed: 1 }), makeZprt({ seed: 2, layout: "program" })].map(async (format) =>
        inStore(await archiveOf(TREE, format), () =>
          Effect.map(
            Effect.flatMap(format.open(secrets), ({ snapshots }) => snapshots),
            ([one]) => one!.id,
          ))
      ),
    )
    assert.equal(ids[0], ids[1])
    assert.match(ids[0]!, /^[0-9a-f]{64}$/)
  })

  it("lets one of two runs at once win, and the other fail", () =>
    inStore(undefined, () =>
      Effect.gen(function* () {
        const first = yield* makeZprt().create(secrets)
        const second = yield* makeZprt().open(secrets)
        let inside = false
        const meanwhile = Stream.fromEffect(Effect.suspend(() => {
          inside = true
          return second.backup(walk({ "second": { content: "2" } }), options)
        })).pipe(Stream.map(() => file("first", new Uint8Array(1), 1)))
        const error = yield* Effect.flip(first.backup(meanwhile, options))
        assert.ok(inside)
        assert.deepEqual([error._tag, error.reason], ["RepositoryError", "exists"])
        assert.deepEqual(yield* contentsOf(first), { second: "2" })
      })))

  it("encrypts for recipients without an identity", () =>
    inStore(undefined, (store) =>
      Effect.gen(function* () {
        const repository = yield* makeZprt().create({ recipients: [toBob] })
        yield* repository.backup(walk(TREE), options)
        assert.equal((yield* repository.snapshots).length, 1)
        assert.equal((yield* contentsOf(repository))["a"], "<denied>")
        const archive = yield* stored(store)
        assert.equal((yield* Effect.promise(() => read(archive, { identities: [bob] })))["a"], "apple")
      })))

  it("does not overwrite a file that is not an archive", () =>
    inStore(new Uint8Array(100), () =>
      Effect.gen(function* () {
        assert.equal(yield* makeZprt().recognise, false)
        assert.equal((yield* Effect.flip(makeZprt().create(secrets))).reason, "exists")
        assert.equal((yield* Effect.flip(makeZprt().open(secrets))).reason, "foreign")
      })))
})

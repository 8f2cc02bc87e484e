/**
 * An archive keeps its variant: the layout of the document or of later programs, and the length or the position of the
 * index in its trailer.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect } from "effect"
import { makeZprt } from "../../../formats/zprt/mod.ts"
import { ARCHIVE } from "../../../formats/zprt/layout.ts"
import {
  ageFile,
  archiveOf,
  assembleArchive,
  inStore,
  list,
  MAGIC,
  options,
  read,
  secrets,
  stored,
  walk,
} from "./harness.ts"
import { program, type Trailer } from "./program.ts"

const LAYOUTS = ["document", "program"] as const
const TRAILERS = ["length", "position"] as const

const TREE = { "a.txt": { content: "apple" }, "d/b.txt": { content: "bread" }, "e": { directory: true } } as const
const MORE = { ...TREE, "c.txt": { content: "cheese" } } as const

/** The archive after one more run, with default options. */
const again = (archive: Uint8Array, tree: Parameters<typeof walk>[0]): Promise<Uint8Array> =>
  inStore(archive, (store) =>
    Effect.gen(function* () {
      const repository = yield* makeZprt().open(secrets)
      yield* repository.backup(walk(tree), options)
      return yield* stored(store)
    }))

/** The same archive with the other kind of trailer. */
const withTrailer = (archive: Uint8Array, trailer: Trailer): Uint8Array => {
  if (trailer === "length") return archive
  const out = Buffer.from(archive)
  out.writeBigUInt64LE(BigInt(out.length - 16) - out.readBigUInt64LE(out.length - 16), out.length - 16)
  return out
}

const expected = { "a.txt": "apple", "c.txt": "cheese", "d/b.txt": "bread", "e": null }

describe("variants of zprt archives", () => {
  for (const layout of LAYOUTS) {
    for (const trailer of TRAILERS) {
      it(`another run keeps layout ${layout} and ${trailer} of the index, for other programs to read`, async () => {
        const made = withTrailer(await archiveOf(TREE, makeZprt({ layout })), trailer)
        assert.deepEqual(Object.keys(await program(made, layout, trailer)).sort(), ["a.txt", "d/b.txt", "e"])
        const next = await again(made, MORE)
        assert.deepEqual(await program(next, layout, trailer), expected)
        assert.deepEqual(await read(next), expected)
        const other = layout === "document" ? "program" : "document"
        await assert.rejects(program(next, other, trailer), "the two orders cannot be told apart")
      })

      it(`layout ${layout}, ${trailer} of the index: a new or emptied archive remembers them`, async () => {
        const made = withTrailer(await archiveOf(TREE, makeZprt({ layout })), trailer)
        assert.deepEqual(await program(await again(await again(made, {}), MORE), layout, trailer), expected)
        const fresh = await inStore(
          undefined,
          (store) => Effect.andThen(makeZprt({ layout }).create(secrets), stored(store)),
        )
        assert.deepEqual(await program(await again(fresh, MORE), layout, "length"), expected)
      })

      it(`layout ${layout}, ${trailer} of the index: a rebuild keeps them`, async () => {
        const made = withTrailer(await archiveOf(TREE, makeZprt({ layout })), trailer)
        const damaged = Buffer.concat([made, new Uint8Array(100)])
        const mended = await inStore(damaged, (store) =>
          Effect.gen(function* () {
            yield* (yield* makeZprt().open(secrets)).rebuild
            return yield* store.get(ARCHIVE, { atMost: Infinity })
          }))
        assert.deepEqual(Buffer.from(mended), Buffer.from(made))
      })
    }
  }

  it("the option applies to a new archive, and changes no existing one", async () => {
    const made = await archiveOf(TREE, makeZprt({ layout: "program" }))
    const next = await inStore(made, (store) =>
      Effect.gen(function* () {
        const repository = yield* makeZprt({ layout: "document" }).open(secrets)
        yield* repository.backup(walk(MORE), options)
        return yield* stored(store)
      }))
    assert.deepEqual(await program(next, "program", "length"), expected)
  })

  it("an empty archive of another program has the document's layout", async () => {
    const empty = Buffer.concat([MAGIC, list(), list(), list(), list(), list(), list()])
    const bare = assembleArchive([], await ageFile(empty))
    assert.deepEqual(await program(await again(bare, MORE), "document", "length"), expected)
  })
})

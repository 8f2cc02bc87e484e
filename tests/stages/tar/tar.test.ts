import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { concat } from "effect/Bytes"
import fc from "fast-check"
import { SourceError } from "../../../stages/walk/errors.ts"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { sqliteEngine } from "../../../adapters/catalog/sqlite.ts"
import { encodePax } from "../../../stages/tar/pax.ts"
import { readTar, TarError, tarFidelity, tarInMemory, writeTar } from "../../../stages/tar/mod.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { everything } from "../../suites/format/everything.ts"
import { factsOf, kept, sorted } from "../../suites/format/facts.ts"
import { smallTree } from "../../suites/format/small_tree.ts"
import { member, type MemberFields, tarOf } from "./blocks.ts"

interface Problem {
  readonly path: string
  readonly message: string
}

const write = (
  entries: Stream.Stream<Entry, SourceError>,
  problems: Array<Problem> = [],
  leftOut: Array<Problem> = [],
): Promise<Uint8Array> => {
  const told = { problem: (one: Problem) => problems.push(one), leftOut: (one: Problem) => leftOut.push(one) }
  return Effect.runPromise(Effect.map(Stream.runCollect(writeTar(entries, told)), concat))
}

/** Reads an archive that comes in pieces of `piece` bytes. */
const read = async (bytes: Uint8Array, problems: Array<Problem> = [], piece = 10_000) => {
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += piece) pieces.push(bytes.slice(at, at + piece))
  const archive = { ...tarInMemory(bytes), bytes: Stream.fromIterable(pieces) }
  const entries = readTar(archive, { problem: (one) => problems.push(one) })
  return await Effect.runPromise(Effect.scoped(factsOf(entries)).pipe(Effect.provide(sqliteEngine)))
}

const walk = (tree: MemoryTree) => memorySource(tree).entries("", {})
const factsOfTree = async (tree: MemoryTree) =>
  sorted(kept(await Effect.runPromise(factsOf(walk(tree))), tarFidelity, { directories: true }))

const failure = async (bytes: Uint8Array): Promise<TarError> => {
  const error: unknown = await read(bytes).then(() => assert.fail("It was read"), (error) => error)
  assert.ok(error instanceof TarError, String(error))
  return error
}

describe("tar", () => {
  it("returns entries of every kind as they were written", async () => {
    const problems: Array<Problem> = []
    const leftOut: Array<Problem> = []
    const tree: MemoryTree = Object.fromEntries(
      Object.entries(everything()).map(([path, node]) => [path, { uid: 1, gid: 2, mode: 0o644, mtime: 3n, ...node }]),
    )
    const bytes = await write(walk(tree), problems, leftOut)
    assert.equal(bytes.length % 512, 0)
    assert.deepEqual([problems, leftOut.map(({ path }) => path)], [[], ["socket"]])
    const facts = await read(bytes)
    const expected = new Map(await factsOfTree(tree) as Array<[string, object]>)
    const found = sorted(kept(facts, tarFidelity, { directories: true })) as Array<[string, object]>
    for (const [path, fact] of found) {
      // A directory that the tree only implies has default metadata in the archive.
      if (path !== "dir/sub") assert.deepEqual([path, fact], [path, expected.get(path)])
    }
    assert.equal(found.length, expected.size)
  })

  it("returns any tree as it was written, in pieces of any size", () =>
    fc.assert(
      fc.asyncProperty(smallTree, fc.integer({ min: 1, max: 5000 }), async (tree, piece) => {
        const bytes = await write(walk(tree))
        const found = sorted(kept(await read(bytes, [], piece), tarFidelity, { directories: true }))
        assert.deepEqual(found, await factsOfTree(tree))
      }),
      { numRuns: 15 },
    ))

  it("keeps holes, and stores only the data between them", async () => {
    const content = new Uint8Array(5_000_000)
    content.fill(1, 1_000_000, 1_004_000)
    content.fill(2, 4_999_999)
    for (const tail of [0, 700_001]) {
      const tree: MemoryTree = {
        f: {
          content: content.subarray(0, content.length - tail),
          sparse: true,
          mtime: 0n,
          mode: 0o600,
          uid: 0,
          gid: 0,
        },
      }
      const bytes = await write(walk(tree))
      assert.ok(bytes.length < 40_000, `${bytes.length} bytes`)
      assert.deepEqual((await read(bytes)).get("f")!, (await Effect.runPromise(factsOf(walk(tree)))).get("f"))
    }
  })

  it("fills up content that is damaged or too short, cuts content that is too long, and reports each", async () => {
    const error = new SourceError({ reason: "damaged", path: "bad", message: "Its block is lost" })
    const file = (path: string, size: number | undefined, content: Entry["content"]): Entry => ({
      ...{ path, kind: "file", metadata: { mode: 0o644, mtime: 0n }, size },
      ...(content === undefined ? {} : { content }),
    })
    const two = new Uint8Array([1, 2])
    const problems: Array<Problem> = []
    const leftOut: Array<Problem> = []
    const bytes = await write(
      Stream.fromIterable([
        file("bad", 700, Stream.concat(Stream.succeed(two), Stream.fail(error))),
        file("short", 3, two),
        file("long", 1, Stream.succeed(two)),
        file("unknown", undefined, Stream.succeed(two)),
        file("good", 2, two),
      ]),
      problems,
      leftOut,
    )
    assert.deepEqual(problems.map(({ path, message }) => `${path}: ${message}`), [
      "bad: Its block is lost; the archive has zeros from byte 2 on",
      "short: Its content ends after 2 of 3 bytes; the archive has zeros from there on",
      "long: Its content is longer than 1 bytes; the rest is left out",
      "unknown: Left out: the size of its content is not known, probably because a part of it is lost",
    ])
    assert.deepEqual(leftOut, [])
    assert.deepEqual([...await read(bytes)].filter(([path]) => path !== "").map(([path, { size }]) => [path, size]), [
      ...[["bad", 700], ["good", 2], ["long", 1], ["short", 3]],
    ])
  })
})

describe("tar: members in any order", () => {
  const paths = async (bytes: Uint8Array, problems: Array<Problem> = []) =>
    [...await read(bytes, problems)].map(([path, { linkTo }]) => linkTo === undefined ? path : `${path} -> ${linkTo}`)

  it("come out depth-first; the last one of a name counts; the first of linked paths has the content", async () => {
    const bytes = tarOf(
      member({ name: "d/late" }, "x"),
      member({ name: "z" }, "first"),
      member({ name: "d.x" }),
      member({ name: "./d/", type: "5", mode: 0o700 }),
      member({ name: "a", type: "1", link: "z" }),
      member({ name: "d/deep", type: "1", link: "./z" }),
      member({ name: "z" }, "second"),
      member({ name: "/d/abs" }),
    )
    assert.deepEqual(await paths(bytes), ["", "a", "d.x", "z", "d", "d/abs", "d/deep -> a", "d/late"])
    const facts = await read(bytes)
    assert.equal(facts.get("a")?.size, 5)
    assert.equal(facts.get("z")?.size, 6)
    assert.equal(facts.get("d")?.metadata.mode, 0o700)
  })

  it("may be hard links to symlinks and FIFOs", async () => {
    const bytes = tarOf(
      member({ name: "z", type: "2", link: "to" }),
      member({ name: "d/l", type: "1", link: "z" }),
      member({ name: "b", type: "1", link: "d/l" }),
      member({ name: "z", type: "2", link: "elsewhere" }),
      member({ name: "p", type: "6" }),
      member({ name: "a", type: "1", link: "p" }),
    )
    assert.deepEqual(await paths(bytes), ["", "a", "b", "p -> a", "z", "d", "d/l -> b"])
    const facts = await read(bytes)
    assert.deepEqual(["b", "z", "d/l"].map((path) => facts.get(path)!.target), ["to", "elsewhere", "to"])
    assert.deepEqual(["a", "p"].map((path) => facts.get(path)!.kind), ["fifo", "fifo"])
    const [symlink, fifo] = [{ symlink: "to" }, { special: "fifo" }] as const
    const written = await write(walk({ "a": symlink, "b": symlink, "d/p": fifo, "e/p": fifo }))
    assert.deepEqual(await paths(written), ["", "a", "b -> a", "d", "d/p", "e", "e/p -> d/p"])
  })

  it("with hostile names or links are reported and left out", async () => {
    const problems: Array<Problem> = []
    const bytes = tarOf(
      member({ name: "../up" }),
      member({ name: "a/../../up" }),
      member({ name: "link", type: "2", link: "/etc" }),
      member({ name: "link/passwd" }),
      member({ name: "file" }),
      member({ name: "file/below" }),
      member({ name: "hard", type: "1", link: "../../etc/passwd" }),
      member({ name: "hard", type: "1", link: "none" }),
      member({ name: "dir/x" }),
      member({ name: "dir", type: "2", link: ".." }),
      member({ name: "./", type: "2", link: ".." }),
      member({ name: "odd", type: "M" }),
      member({ name: "label", type: "V" }),
      member({ name: "empty", type: "2" }),
    )
    assert.deepEqual(await paths(bytes, problems), ["", "file", "link", "dir", "dir/x"])
    assert.deepEqual(problems.map(({ path }) => path), [
      ...["../up", "a/../../up", "link/passwd", "file/below", "hard", "hard", "dir", "./", "odd", "empty"],
    ])
    assert.match(problems[2]!.message, /beneath "link", which is not a directory/)
  })

  it("may be missing: an archive may be empty", async () => {
    assert.deepEqual(await paths(tarOf()), [])
    const problems: Array<Problem> = []
    assert.deepEqual(await paths(concat([tarOf(), new Uint8Array(1000), tarOf(member({ name: "x" }))]), problems), [])
    assert.deepEqual(problems.map(({ message }) => message), [
      "Bytes after the end of the archive are not read",
    ])
  })
})

describe("tar: input that is not a whole archive", () => {
  it("is refused, and the message says what it is", async () => {
    assert.match((await failure(new Uint8Array(0))).message, /the input is empty/)
    assert.match(
      (await failure(new TextEncoder().encode("hello ".repeat(200)))).message,
      /not a tar archive: it begins/,
    )
    assert.match((await failure(new TextEncoder().encode("hello"))).message, /not a tar archive: it begins/)
    const compressed = new Uint8Array(60)
    compressed.set([0x28, 0xb5, 0x2f, 0xfd])
    assert.match((await failure(compressed)).message, /compressed; put zstd -dc before/)
  })

  it("is refused at every place where it may be cut off", async () => {
    const bytes = tarOf(member({ name: "a" }, "x".repeat(700)), member({ name: "b" }))
    for (const end of [512, 600, 1024, 1536, 2047, 2048]) {
      const error = await failure(bytes.subarray(0, end))
      assert.deepEqual(
        [error.reason, /it ends after \d+ bytes/.test(error.message)],
        ["truncated", true],
        `cut at ${end}`,
      )
    }
  })

  it("is refused for impossible sizes, times, records and lists, without waiting for their data", async () => {
    const pax = (...records: ReadonlyArray<readonly [string, string]>) => {
      const data = encodePax(records)
      return member({ name: "pax", type: "x" }, new TextDecoder().decode(data))
    }
    const sparse = (...records: ReadonlyArray<readonly [string, string]>) =>
      tarOf(pax(["GNU.sparse.major", "1"], ["GNU.sparse.minor", "0"], ["GNU.sparse.name", "s"], ...records))
        .subarray(0, -1024)
    const big: Partial<MemberFields> = { size: 2 ** 53 }
    const cases: ReadonlyArray<readonly [Uint8Array, RegExp]> = [
      [tarOf(member({ name: "x", ...big })), /a number in it is 9007199254740992/],
      [tarOf(member({ name: "x", size: 2 ** 53 - 1 })), /its size is/],
      [tarOf(member({ name: "x", size: -1 })), /its size is -1/],
      [tarOf(member({ name: "x", type: "L", size: 2 ** 40 })), /extended header has 1099511627776 bytes/],
      [tarOf(member({ name: "x", type: "x" }, "9 a=b")), /does not consist of records/],
      [tarOf(member({ name: "x", type: "x" }, "999999999 a=b\n")), /does not consist of records/],
      [tarOf(member({ name: "x", type: "x" }, "6 =bc\n")), /has no key/],
      [tarOf(pax(["mtime", "1e9"]), member({ name: "x" })), /the time "1e9"/],
      [tarOf(pax(["size", "0x10"]), member({ name: "x" })), /where a number of bytes/],
      [
        concat([sparse(["GNU.sparse.realsize", "9007199254740991"]), tarOf(member({ name: "s" }, "0\n"))]),
        /ends|no end/,
      ],
      [
        concat([
          sparse(["GNU.sparse.realsize", String(2 ** 50)]),
          tarOf(member({ name: "s" }, "0\n".padEnd(512, "\0"))),
        ]),
        /claims 1125899906842624 bytes/,
      ],
      [
        concat([sparse(["GNU.sparse.realsize", "9"]), tarOf(member({ name: "s" }, "99999999999\n".padEnd(512, "\0")))]),
        /list of holes has no end/,
      ],
      [
        concat([
          sparse(["GNU.sparse.realsize", "9"]),
          tarOf(member({ name: "s" }, "1\n8\n2\n".padEnd(512, "\0") + "ab")),
        ]),
        /not in order/,
      ],
    ]
    for (const [bytes, message] of cases) assert.match((await failure(bytes)).message, message)
  })

  it("gives entries or fails with TarError, whichever byte is changed", async () => {
    const bytes = await write(walk({
      "a": { content: "x".repeat(600), mtime: 1n },
      "holes": { content: concat([new Uint8Array(9000), new Uint8Array(10).fill(1)]), sparse: true },
      ["long".repeat(60)]: { symlink: "to" },
    }))
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, byte) => {
        const changed = bytes.slice()
        changed[at] = byte
        await read(changed).catch((error) => assert.ok(error instanceof TarError, String(error)))
      }),
      { numRuns: 300 },
    )
  })
})

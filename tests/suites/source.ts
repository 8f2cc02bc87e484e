/** The contract of {@link Source}, for any implementation. A source is tested only for what it says it keeps. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import type { Content, Entry } from "../../stages/walk/entry.ts"
import type { Source, WalkOptions } from "../../stages/walk/source.ts"
import { skipIf } from "../skip.ts"

/** A source under test, and the root of the tree that it was given. */
export interface PlantedSource {
  readonly source: Source
  readonly root: string
}

/** All bytes of a content. The buffer has an odd length, so that a file takes several reads. */
export const readContent = async (content: Content): Promise<Uint8Array> => {
  if (content instanceof Uint8Array) return content
  if (Stream.isStream(content)) {
    return Buffer.concat(await Effect.runPromise(Stream.runCollect(content as Stream.Stream<Uint8Array>)))
  }
  const reader = content.open()
  try {
    const parts: Array<Uint8Array> = []
    for (;;) {
      const buffer = new Uint8Array(7001)
      const count = reader.read(buffer)
      parts.push(buffer.subarray(0, count))
      if (count < buffer.length) break
    }
    const { changed, size } = reader.finish()
    assert.equal(changed, false)
    assert.equal(size, parts.reduce((sum, part) => sum + part.length, 0))
    return Buffer.concat(parts)
  } finally {
    reader.close()
    reader.close()
  }
}

const tag = "Signature: 8a477f597d28d172789f06886806bc55\n# made by a test"

/** Tests a source against the port. `plant` makes a source of a tree, which is removed when the scope closes. */
export const sourceSuite = (
  name: string,
  plant: (tree: MemoryTree) => Effect.Effect<PlantedSource, never, Scope.Scope>,
  fidelity: Source["fidelity"],
): void => {
  const walk = <A>(
    tree: MemoryTree,
    options: WalkOptions,
    use: (entries: ReadonlyArray<Entry>) => A | Promise<A>,
    below = "",
  ): Promise<A> =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const { source, root } = yield* plant(tree)
      const entries = yield* Stream.runCollect(source.entries(root + below, options))
      return yield* Effect.promise(async () => await use(entries))
    })))
  const paths = (tree: MemoryTree, options: WalkOptions = {}): Promise<Array<string>> =>
    walk(tree, options, (entries) => entries.map(({ path }) => path))

  describe(`source: ${name}`, () => {
    it("gives files before directories, each by the bytes of its name, depth-first", async () => {
      const file = (content: string) => ({ content })
      const tree = {
        "a/z": file("1"),
        "a/b/c": file("2"),
        "a.txt": file("3"),
        "a-b/x": file("4"),
        "Z": file("5"),
        "é": file("6"),
        "\uffee": file("7"),
        "\u{1f600}": file("8"),
        "-n": file("9"),
        "new\nline": file("10"),
        " ": file("11"),
        "empty": { directory: true },
      } as const
      const inOrder = [" ", "-n", "Z", "a.txt", "new\nline", "é", "\uffee", "\u{1f600}"]
      assert.deepEqual(await paths(tree), ["", ...inOrder, "a", "a/z", "a/b", "a/b/c", "a-b", "a-b/x", "empty"])
    })

    it("gives kinds, metadata, targets and content", async () => {
      const content = new Uint8Array(200_000).map((_, i) => i * 7)
      const tree: MemoryTree = {
        "file": { content, mode: 0o640, mtime: 1_600_000_000_123_000_000n },
        "none": { content: "" },
        "old": { content: "x", mtime: -86_400_250_000_000n },
        "directory": { directory: true, mode: 0o2750, mtime: 1_500_000_000_000_000_000n },
        "dangling": { symlink: "../no where/é" },
        "loop": { symlink: "loop" },
        "fifo": { special: "fifo" },
      }
      await walk(tree, {}, async (entries) => {
        const at = (path: string) => entries.find((entry) => entry.path === path)!
        assert.equal(at("").kind, "directory")
        assert.equal(at("file").size, content.length)
        assert.deepEqual(Buffer.from(await readContent(at("file").content!)), Buffer.from(content))
        assert.deepEqual(Buffer.from(await readContent(at("file").content!)), Buffer.from(content), "read again")
        assert.equal((await readContent(at("none").content!)).length, 0)
        assert.equal(at("dangling").target, "../no where/é")
        assert.equal(at("loop").target, "loop")
        assert.equal(at("dangling").content, undefined)
        assert.deepEqual(
          ["file", "directory", "dangling", "fifo"].map((path) => at(path).kind),
          ["file", "directory", "symlink", "fifo"],
        )
        if (fidelity.mode) {
          assert.equal(at("file").metadata.mode, 0o640)
          assert.equal(at("directory").metadata.mode, 0o2750)
        }
        if (fidelity.mtime !== undefined) {
          assert.equal(at("file").metadata.mtime, 1_600_000_000_123_000_000n)
          assert.equal(at("directory").metadata.mtime, 1_500_000_000_000_000_000n)
          assert.equal(at("old").metadata.mtime, -86_400_250_000_000n)
        }
      })
    })

    it(
      ...skipIf(!fidelity.hardlinks && "it does not know hard links", "names the first of several hard links"),
      async () => {
        const node = { content: "same" }
        const tree = { "a/one": node, "b/two": node, "b/three": node, "other": { content: "same" } }
        await walk(tree, {}, async (entries) => {
          assert.deepEqual(
            entries.filter(({ kind }) => kind === "file").map(({ path, linkTo }) => [path, linkTo]),
            [["other", undefined], ["a/one", undefined], ["b/three", "a/one"], ["b/two", "a/one"]],
          )
          for (const { content } of entries) {
            if (content) assert.equal(Buffer.from(await readContent(content)).toString(), "same")
          }
        })
      },
    )

    it(
      ...skipIf(!fidelity.hardlinks && "it does not know hard links", "does so for symlinks and fifos, too"),
      async () => {
        const [link, pipe] = [{ symlink: "nowhere" }, { special: "fifo" }] as const
        const tree = { "a": link, "b/c": link, "b/p": pipe, "d/p": pipe, "e": { symlink: "nowhere" } }
        await walk(tree, {}, async (entries) => {
          await Promise.resolve()
          assert.deepEqual(
            entries.filter(({ kind }) => kind !== "directory").map(({ path, linkTo }) => [path, linkTo]),
            [["a", undefined], ["e", undefined], ["b/c", "a"], ["b/p", undefined], ["d/p", "b/p"]],
          )
        })
      },
    )

    it(
      ...skipIf(!fidelity.sparse && "it does not know holes", "tells files with holes"),
      () =>
        walk(
          { "holes": { content: new Uint8Array(1 << 20), sparse: true }, "plain": { content: "x" } },
          {},
          (entries) => {
            assert.deepEqual(entries.slice(1).map(({ sparse }) => sparse), [true, undefined])
          },
        ),
    )

    it(
      ...skipIf(!fidelity.byteNames && "this runtime has none", "keeps names that are not UTF-8"),
      () =>
        walk({ "a\udcff/\udc80b": { content: "1" }, "l": { symlink: "\udcfe" } }, {}, async (entries) => {
          assert.deepEqual(entries.map(({ path }) => path), ["", "l", "a\udcff", "a\udcff/\udc80b"])
          assert.equal(entries[1]!.target, "\udcfe")
          assert.equal(Buffer.from(await readContent(entries[3]!.content!)).toString(), "1")
        }),
    )

    it("leaves out paths that match gitignore patterns", async () => {
      const content = ""
      const tree = {
        "keep": { content },
        "a.o": { content },
        "b/a.o": { content },
        "b/important.o": { content },
        "build": { content },
        "c/build/x": { content },
        "c/d": { content },
        "e/c/d": { content },
        "node_modules/p/important.o": { content },
        "X.O": { content },
      }
      const ignore = ["*.o", "!important.o", "build/", "/c/d", "# comment", "**/node_modules"]
      assert.deepEqual(await paths(tree, { ignore }), [
        "",
        "X.O",
        "build",
        "keep",
        "b",
        "b/important.o",
        "c",
        "e",
        "e/c",
        "e/c/d",
      ])
    })

    it("reports what it leaves out, and why", async () => {
      const tree = {
        "a.o": { content: "" },
        "b/a.o": { content: "" },
        "build/x": { content: "" },
        "cache/CACHEDIR.TAG": { content: tag },
        "cache/a": { content: "" },
        "keep": { content: "" },
      }
      const told: Array<readonly [string, string, boolean]> = []
      await paths(tree, { ignore: ["*.o", "build/"], excludeCaches: true, leftOut: (...args) => told.push(args) })
      assert.deepEqual(told.sort(), [
        ["a.o", "ignored", false],
        ["b/a.o", "ignored", false],
        ["build", "ignored", true],
        ["cache", "cache", true],
      ])
    })

    it("keeps only the tag of a cache directory, and only if it is one", async () => {
      const tree = {
        "cache/CACHEDIR.TAG": { content: tag },
        "cache/a": { content: "" },
        "cache/b/c": { content: "" },
        "fake/CACHEDIR.TAG": { content: "Signature: no" },
        "fake/a": { content: "" },
        "link/CACHEDIR.TAG": { symlink: "../cache/CACHEDIR.TAG" },
        "link/a": { content: "" },
      } as const
      assert.deepEqual(await paths(tree, { excludeCaches: true }), [
        ...["", "cache", "cache/CACHEDIR.TAG", "fake", "fake/CACHEDIR.TAG", "fake/a"],
        ...["link", "link/CACHEDIR.TAG", "link/a"],
      ])
      assert.equal((await paths(tree)).length, 12)
    })

    it("takes a file as a root, and fails for a root that does not exist", async () => {
      const tree = { "a/b.txt": { content: "hello" } }
      await walk(tree, { ignore: ["*.txt"] }, async (entries) => {
        assert.deepEqual(entries.map(({ path, kind }) => [path, kind]), [["b.txt", "file"]])
        assert.equal(Buffer.from(await readContent(entries[0]!.content!)).toString(), "hello")
      }, "/a/b.txt")
      await walk(tree, {}, (entries) => assert.deepEqual(entries.map(({ path }) => path), ["", "b.txt"]), "/a/")
      const error = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const { source, root } = yield* plant(tree)
        return yield* Effect.flip(Stream.runCollect(source.entries(`${root}/none`, {})))
      })))
      assert.equal(error._tag, "SourceError")
      assert.equal(error.reason, "not-found")
      assert.match(error.message, /^No such file or directory: .*\/none$/)
    })
  })
}

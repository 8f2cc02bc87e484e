/** Drills find what cannot be restored, and what is not as it is here. */
import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { localSource } from "../../adapters/files/source/source.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { liveComparison } from "../../cli/verify.ts"
import { drill } from "../../formats/drill.ts"
import { RepositoryError } from "../../formats/error.ts"
import type { Repository, SnapshotInfo } from "../../formats/repository.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { SourceError } from "../../stages/walk/errors.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { runFormat } from "../suites/format/environment.ts"
import { secrets, small } from "./rozen/harness.ts"

const info = (id: string): SnapshotInfo => ({ id, time: 0, hostname: "", username: "", paths: [], tags: [] })
const file = (path: string, content: Entry["content"]): Entry => ({
  path,
  kind: "file",
  metadata: {},
  size: 2,
  content: content!,
})

it("takes files of all snapshots, and names what is damaged or lost", async () => {
  const damaged = Stream.fail(new SourceError({ reason: "damaged", path: "bad", message: "Its block is damaged" }))
  const repository: Pick<Repository, "entries" | "snapshots"> = {
    snapshots: Effect.succeed([info("whole"), info("lost")]),
    entries: ({ id }, options) =>
      id === "lost"
        ? Stream.fail(new RepositoryError({ reason: "corrupt", message: "Its catalog is lost" }))
        : Stream.filter(
          Stream.make(file("good", Uint8Array.of(1, 2)), file("bad", damaged), file("gone", Uint8Array.of(1, 2))),
          ({ path }) => options?.include?.(path) !== false && (options?.content === false || path !== "gone"),
        ),
  }
  const { problems, ...counts } = await Effect.runPromise(drill(repository, { files: 200 }))
  assert.deepEqual(counts, { snapshots: 1, files: 2, bytes: 2, compared: 0 })
  assert.deepEqual(problems.map(({ message, path, snapshot }) => `${snapshot} ${path}: ${message}`).sort(), [
    "lost : Its catalog is lost",
    "whole bad: Its block is damaged",
    "whole gone: The snapshot lists it, and does not give it",
  ])
  const taken = new Set<string>()
  const good = { ...repository, snapshots: Effect.succeed([info("whole")]) }
  for (let i = 0; i < 200; i++) {
    const one = await Effect.runPromise(drill(good, { files: 1 }))
    taken.add(one.files === 0 ? "gone" : one.problems.length > 0 ? "bad" : "good")
  }
  assert.deepEqual([...taken].sort(), ["bad", "gone", "good"])
})

it("compares with the files here that have the same size and time", () =>
  runFormat(Effect.gen(function* () {
    const root = mkdtempSync(join(tmpdir(), "penstock-drill-"))
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(root, { recursive: true })))
    mkdirSync(join(root, "d"))
    const write = (name: string, content: string, time: number): void => {
      writeFileSync(join(root, name), content)
      utimesSync(join(root, name), time, time)
    }
    for (const name of ["same", "d/rotten", "changed", "gone"]) write(name, "content", 1_600_000_000)
    const repository = yield* Effect.provideService(small.create(secrets), ObjectStore, yield* memoryStore.make())
    for (const host of [hostname(), "another"]) {
      yield* repository.backup(localSource.make().entries(root, {}), { paths: [root], hostname: host })
    }
    write("d/rotten", "CONTENT", 1_600_000_000)
    write("changed", "CONTENT", 1_600_000_001)
    rmSync(join(root, "gone"))
    const compare = liveComparison(repository)
    const snapshots = yield* repository.snapshots
    const results = yield* Effect.forEach(
      snapshots,
      (one) => drill(repository, { files: 99, snapshots: [one], compare }),
    )
    for (const [i, { bytes, compared, files, problems }] of results.entries()) {
      const here = snapshots[i]!.hostname === hostname()
      assert.deepEqual([files, bytes, compared], here ? [4, 21, 1] : [4, 28, 0])
      assert.deepEqual(problems.map(({ path }) => path), here ? ["d/rotten"] : [])
      if (here) {
        assert.match(problems[0]!.message, /^It is not the same as the file here, which has the same size and time/)
      }
    }
  })))

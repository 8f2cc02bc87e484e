/** `restore --delete` when the snapshot does not tell all. */
import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { localTarget } from "../../../adapters/files/target/target.ts"
import { makeOutput } from "../../../cli/output/output.ts"
import { newTally } from "../../../cli/output/restored.ts"
import { deleteInPart } from "../../../cli/restoring/deletion.ts"
import { targetParts } from "../../../cli/restoring/parts.ts"
import { makeSelection } from "../../../cli/selection/selection.ts"
import type { Problem, Repository, SnapshotInfo } from "../../../formats/repository.ts"

test("nothing is deleted when the snapshot has lost a part of its list of files", async () => {
  const root = mkdtempSync(join(tmpdir(), "penstock-delete-"))
  writeFileSync(join(root, "more"), "")
  const snapshot: SnapshotInfo = { id: "aa", time: 0, hostname: "", username: "", paths: ["/x"], tags: [] }
  const deletion = (problems: ReadonlyArray<Problem>) =>
    Effect.runPromise(Effect.gen(function* () {
      const repository = {
        entries: (_, options) =>
          Stream.concat(
            Stream.make({ path: "", kind: "directory", metadata: {}, size: 0 } as const),
            Stream.fromEffectDrain(Effect.sync(() => problems.forEach((one) => options?.problem?.(one)))),
          ),
      } as Pick<Repository, "entries"> as Repository
      const tally = newTally()
      const selection = yield* makeSelection([], {}, snapshot)
      const [part] = yield* targetParts(root, repository, snapshot)
      const out = { ...makeOutput({ json: false, quiet: true }), warn: () => {} }
      const target = localTarget.make()
      yield* deleteInPart(
        { repository, snapshot, selection, target, options: {}, dryRun: false, tally, out },
        part!,
        [],
      )
      return [tally.failed, tally.deleted, readdirSync(root).length]
    }))
  assert.deepEqual(await deletion([{ path: "d", message: "Its list is lost" }]), [1, 0, 1])
  assert.deepEqual(await deletion([]), [0, 1, 0])
  rmSync(root, { recursive: true })
})

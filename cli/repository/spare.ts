/** Keeps a restore from overwriting the repository that it reads. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { sep } from "node:path"
import type { FormatError } from "../../formats/error.ts"
import type { Repository, SnapshotInfo } from "../../formats/repository.ts"
import { displayPath, quotePath } from "../../stages/walk/path.ts"
import { UsageError } from "../process/usage_error.ts"
import type { TargetPart } from "../restoring/parts.ts"
import { makeSelection, type Selection } from "../selection/selection.ts"
import { pathsOf, pathWithin } from "./location.ts"

/**
 * Fails if the restore could overwrite the repository: the target lies in it, or the snapshot has an entry whose place
 * is in it.
 */
export const spareRepository: (
  part: TargetPart,
  location: string,
  repository: Repository,
  snapshot: SnapshotInfo,
  selection: Selection,
) => Effect.Effect<void, FormatError | UsageError> = Effect.fnUntraced(
  function* ({ nameOf, reaches, root: target }, location, repository, snapshot, selection) {
    const stores = pathsOf(location)
    const lies = stores.map((store) => pathWithin(target, store)).find((inside) => inside !== undefined)
    if (lies !== undefined) {
      return yield* new UsageError({
        message: `${target} is ${lies === "" ? "" : "within "}the repository at ${location}; give another --target`,
      })
    }
    for (const store of stores) {
      const path = pathWithin(store, target)?.split(sep).join("/")
      if (path === undefined || !reaches(nameOf(path))) continue
      const named = nameOf(path)
      const there = yield* makeSelection([quotePath(named)], {}, snapshot)
      const entries = repository.entries(snapshot, { include: there.reaches, content: false })
      // The directory itself may be in the snapshot, as it was before the repository was made.
      const found = yield* Stream.runHead(
        Stream.filter(
          entries,
          ({ kind, path: at }) =>
            (at !== named || kind !== "directory") && there.selects(at, kind) && selection.selects(at, kind),
        ),
      )
      if (Option.isSome(found)) {
        return yield* new UsageError({
          message: `${
            displayPath(found.value.path)
          } would be restored into the repository at ${location}; give another --target`,
        })
      }
    }
  },
)

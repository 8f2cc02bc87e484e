/** `penstock check --recover`: what is left of an archive, whether or not its index is. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { contentStream } from "../stages/walk/content.ts"
import { displayPath } from "../stages/walk/path.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import type { CommonInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { plural, secondsSince, showBytes } from "./output/quantity.ts"
import { onThisMachine, type OpenError, recoverRepository } from "./repository/open.ts"
import { printTraffic } from "./output/traffic.ts"

/** Names every file that is found, after reading all of it; gives the exit code: 1 when one cannot be read. */
export const recover: (input: CommonInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const start = performance.now()
  return yield* onThisMachine(Effect.gen(function* () {
    const { entries, named, places } = yield* recoverRepository(input)
    for (const { length, offset } of places) out.row({ type: "place", offset, length })
    const counts = { files: 0, bytes: 0, lost: 0 }
    yield* Stream.runForEach(entries, (entry) =>
      Effect.gen(function* () {
        const { kind, path } = entry
        let bytes = 0
        const failure = yield* Stream.runForEach(contentStream(entry), (piece) =>
          Effect.sync(() => {
            bytes += piece.length
          })).pipe(Effect.as(undefined), Effect.catch(({ message }) => Effect.succeed(message)))
        if (failure !== undefined) {
          counts.lost += 1
          out.line(`${displayPath(path)}: ${failure}`)
          return out.row({ type: "problem", path, message: failure })
        }
        if (kind === "file") counts.files += 1
        counts.bytes += bytes
        out.note(`${displayPath(path)}  ${showBytes(bytes)}`)
        out.row({ type: "entry", path, kind, size: bytes })
      }))
    out.row({ type: "summary", named, places: places.length, ...counts, seconds: secondsSince(start) })
    out.note(
      `${plural(counts.files, "file")}, ${showBytes(counts.bytes)}, can be had from ${
        plural(places.length, "stored content")
      }` +
        (named ? "" : "; the index with their names is lost"),
    )
    printTraffic(out)
    if (counts.lost > 0) out.line(`${plural(counts.lost, "file")} cannot be read: see above`)
    out.note("If the archive is damaged, penstock rebuild makes it whole again from what is there")
    return counts.lost > 0 ? EXIT_FAILURE : EXIT_OK
  }))
})

/** `penstock check --recover`: what is left of an archive, with or without its index. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { contentStream } from "../stages/walk/content.ts"
import { displayPath } from "../stages/walk/path.ts"
import type { CommonInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { plural, secondsSince, showBytes } from "./output/show.ts"
import { makeTraffic, printTraffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import { onThisMachine } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { recoverRepository } from "./repository/recover.ts"

/** Names every file that is found, after reading all of it. Returns the exit code: 1 if one cannot be read. */
export const recover: (input: CommonInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const traffic = makeTraffic()
  const start = performance.now()
  return yield* onThisMachine(
    traffic,
    Effect.gen(function* () {
      const { entries, named, places } = yield* recoverRepository(input, traffic)
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
      out.row({
        type: "summary",
        named,
        places: places.length,
        ...counts,
        seconds: secondsSince(start),
        ...trafficMembers(traffic),
      })
      out.note(
        `${plural(counts.files, "file")}, ${showBytes(counts.bytes)}, can be recovered from ` +
          plural(places.length, "stored content") + (named ? "" : "; the index with their names is lost"),
      )
      printTraffic(traffic, out)
      if (counts.lost > 0) out.line(`${plural(counts.lost, "file")} cannot be read: see above`)
      out.note("If the archive is damaged, penstock rebuild makes a whole archive of what is left")
      return counts.lost > 0 ? EXIT_FAILURE : EXIT_OK
    }),
  )
})

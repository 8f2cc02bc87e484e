import { Effect, Stream } from "effect"
import { formatBeside } from "../../suites/format/beside.ts"
import { subject } from "./subject.ts"

formatBeside(subject, {
  // Logs that are lost: then a rebuild writes them again, and every snapshot under another name.
  harm: (store) =>
    Stream.runForEach(
      Stream.filter(store.list("DATA/"), ({ name }) => name.endsWith(".roz-log")),
      ({ name }) => store.remove(name),
    ).pipe(Effect.asVoid),
})

/**
 * A process that makes a backup and kills itself: `child.ts MODULE REPOSITORY DIRECTORY OPERATION true|false`. It does
 * so at that operation of its store, counted from 1: before it, or (`true`) while it is under way.
 */
import process from "node:process"
import { Effect } from "effect"
import { localSource } from "../../../adapters/files/source/source.ts"
import { Source } from "../../../stages/walk/source.ts"
import { deadly } from "./deadly.ts"
import { runFormat } from "./environment.ts"
import { diskStore, options, reachIn, type Subject } from "./subject.ts"

const [module, repository, directory, operation, within] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]

const { subject } = await import(module) as { readonly subject: Subject }
await runFormat(
  Effect.gen(function* () {
    const store = deadly(yield* diskStore(subject, repository), Number(operation), within === "true")
    const { entries } = yield* Source
    yield* Effect.flatMap(reachIn(subject, store), (opened) => opened.backup(entries(directory, {}), options))
  }).pipe(Effect.provide(localSource.layer)),
)

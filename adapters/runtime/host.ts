/** All that a pipeline may need of this machine. */
import * as Layer from "effect/Layer"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Source } from "../../stages/walk/source.ts"
import type { Target } from "../../stages/walk/target.ts"
import { localSource } from "../files/source/source.ts"
import { localTarget } from "../files/target/target.ts"
import { accelerators } from "./accelerators.ts"

/**
 * The accelerators, and the local file system as Source and Target. Only the store is missing: see `openStore`.
 *
 * @example Back up a directory and restore it
 * ```ts
 * import assert from "node:assert/strict"
 * import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 * import { Effect } from "effect"
 * import { blake3, catalog, chunk, contents, entries, fastcdc, hash, pack } from "@penstock/penstock"
 * import { packs, sqlite, unchunk, unpack, verify, walk, write } from "@penstock/penstock"
 * import { host, memoryStore } from "@penstock/penstock/adapters"
 *
 * const directory = mkdtempSync(join(tmpdir(), "penstock-"))
 * writeFileSync(join(directory, "notes"), "buy milk")
 * const program = Effect.gen(function* () {
 *   const snapshot = yield* walk(directory).pipe(chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sqlite()))
 *   const restored = join(directory, "restored")
 *   return yield* entries(snapshot).pipe(unpack(packs()), verify(blake3), unchunk, contents, write(restored))
 * })
 * const { problems } = await Effect.runPromise(Effect.provide(program, [memoryStore.layer, host]))
 * assert.deepEqual(problems, [])
 * assert.equal(readFileSync(join(directory, "restored/notes"), "utf8"), "buy milk")
 * rmSync(directory, { recursive: true })
 * ```
 */
export const host: Layer.Layer<Source | Target | SqliteEngine> = Layer.mergeAll(
  accelerators,
  localSource.layer,
  localTarget.layer,
)

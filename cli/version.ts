/** `penstock version`: the version, and what it runs on. */
import * as Effect from "effect/Effect"
import { arch, platform, versions } from "node:process"
import { makeOutput } from "./output/output.ts"
import { EXIT_OK } from "./process/exit_codes.ts"
import { VERSION } from "./release.ts"

export interface VersionInput {
  readonly json: boolean
  readonly verbose: boolean
}

/**
 * Runs `version`. Returns the exit code. With `--verbose`, it loads all native code that commands may use, and names
 * it.
 */
export const version: (input: VersionInput) => Effect.Effect<number> = Effect.fnUntraced(function* (input) {
  const out = makeOutput({ json: input.json, quiet: false })
  const runtime = runtimeName()
  out.line(`penstock ${VERSION}`)
  if (!input.verbose) {
    out.row({ type: "summary", version: VERSION, runtime })
    return EXIT_OK
  }
  const kernels = yield* Effect.promise(loadedKernels)
  const { makeSqlite } = yield* Effect.promise(() => import("../adapters/catalog/sqlite.ts"))
  const { name: sqliteEngine } = yield* makeSqlite
  out.line(`runtime  ${runtime}, ${platform} ${arch}`)
  out.line(`SQLite   ${sqliteEngine}`)
  const width = Math.max(...Object.keys(kernels).map((name) => name.length))
  Object.entries(kernels).forEach(([name, how], i) =>
    out.line(`${(i === 0 ? "kernels" : "").padEnd(9)}${name.padEnd(width)}  ${how}`)
  )
  out.row({ type: "summary", version: VERSION, runtime, platform, arch, sqliteEngine, kernels })
  return EXIT_OK
})

/** The implementation of each kernel. */
const loadedKernels = async (): Promise<Readonly<Record<string, string>>> => {
  const { kernelTable } = await import("../adapters/kernels/native.ts")
  return Object.fromEntries(
    kernelTable().map(({ stage, name, implementation }) => [`${stage}:${name}`, implementation]).sort(),
  )
}

/** `node 24.1.0`, `deno 2.9.6`, `bun 1.4.5`. */
const runtimeName = (): string => {
  const { bun, deno } = versions as { readonly bun?: string; readonly deno?: string }
  return bun !== undefined ? `bun ${bun}` : deno !== undefined ? `deno ${deno}` : `node ${versions.node}`
}

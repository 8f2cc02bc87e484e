/** `penstock version`: what runs here. */
import * as Effect from "effect/Effect"
import { arch, platform, versions } from "node:process"
import { EXIT_OK } from "./exit.ts"
import { makeOutput } from "./output.ts"
import { VERSION } from "./release.ts"

export interface VersionInput {
  readonly json: boolean
  readonly verbose: boolean
}

/** Runs `version`; gives the exit code. Accelerators are loaded only to be named, with `--verbose`. */
export const version: (input: VersionInput) => Effect.Effect<number> = Effect.fnUntraced(function* (input) {
  const out = makeOutput({ json: input.json, quiet: false })
  const runtime = runtimeName()
  out.line(`penstock ${VERSION}`)
  if (!input.verbose) {
    out.row({ type: "summary", version: VERSION, runtime })
    return EXIT_OK
  }
  const { nativeKernels } = yield* Effect.promise(() => import("../adapters/kernels/native.ts"))
  const kernels = Object.keys(nativeKernels).sort()
  out.line(`runtime      ${runtime}, ${platform} ${arch}`)
  out.line(`accelerated  ${kernels.length === 0 ? "nothing: portable kernels only" : kernels.join(", ")}`)
  out.row({ type: "summary", version: VERSION, runtime, platform, arch, kernels })
  return EXIT_OK
})

/** `node 24.1.0`, `deno 2.9.6`, `bun 1.4.5`. */
const runtimeName = (): string => {
  const { bun, deno } = versions as { readonly bun?: string; readonly deno?: string }
  return bun !== undefined ? `bun ${bun}` : deno !== undefined ? `deno ${deno}` : `node ${versions.node}`
}

/**
 * Compiles adapters/kernels/fastcdc.as (AssemblyScript) and writes the binary into fastcdc_wasm.ts beside it:
 * `npm run build:wasm`.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const source = join(root, "adapters/kernels/fastcdc.as")

/** The module, compiled now: equal bytes for equal sources. One page of memory, no imports, no runtime. */
export const compile = (): Uint8Array => {
  const folder = mkdtempSync(join(tmpdir(), "penstock-wasm-"))
  try {
    // Named .ts only here: in the repository no tool shall take it for TypeScript.
    copyFileSync(source, join(folder, "fastcdc.ts"))
    const options = ["-O3", "--runtime", "stub", "--noAssert", "--initialMemory", "1", "--maximumMemory", "1"]
    const compiler = [join(root, "node_modules/assemblyscript/bin/asc.js"), "fastcdc.ts", "--outFile", "fastcdc.wasm"]
    const done = spawnSync(process.execPath, [...compiler, ...options], { cwd: folder, encoding: "utf8" })
    if (done.status !== 0) throw new Error(`Cannot compile ${source}: ${done.error?.message ?? ""}${done.stderr}`)
    return new Uint8Array(readFileSync(join(folder, "fastcdc.wasm")))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  const lines = Buffer.from(compile()).toString("base64").match(/.{1,110}/g)!
  writeFileSync(
    join(root, "adapters/kernels/fastcdc_wasm.ts"),
    [
      "/** The WebAssembly module of fastcdc.as, in base64. Written by `npm run build:wasm`; do not edit. */",
      "export const FASTCDC_WASM: string =",
      lines.map((line) => `  "${line}"`).join(" +\n"),
      "",
    ].join("\n"),
  )
}

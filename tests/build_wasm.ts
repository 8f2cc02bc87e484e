/**
 * Compiles the AssemblyScript of adapters/kernels/ (NAME.as) and writes each binary into NAME_wasm.ts beside it:
 * `npm run build:wasm`.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const folder = join(root, "adapters/kernels")

/** The modules, and the pages of 64 KiB that each has as its memory. */
export const MODULES = { fastcdc: 1, rabin: 1, buzhash: 4 } as const

/** A module, compiled now: equal bytes for equal sources. No imports, no runtime. */
export const compile = (name: keyof typeof MODULES): Uint8Array => {
  const scratch = mkdtempSync(join(tmpdir(), "penstock-wasm-"))
  const source = join(folder, `${name}.as`)
  try {
    // Named .ts only here: in the repository no tool shall take it for TypeScript.
    copyFileSync(source, join(scratch, `${name}.ts`))
    const pages = String(MODULES[name])
    const memory = ["--initialMemory", pages, "--maximumMemory", pages]
    const options = ["-O3", "--runtime", "stub", "--noAssert", ...memory]
    const compiler = [join(root, "node_modules/assemblyscript/bin/asc.js"), `${name}.ts`, "--outFile", `${name}.wasm`]
    const done = spawnSync(process.execPath, [...compiler, ...options], { cwd: scratch, encoding: "utf8" })
    if (done.status !== 0) throw new Error(`Cannot compile ${source}: ${done.error?.message ?? ""}${done.stderr}`)
    return new Uint8Array(readFileSync(join(scratch, `${name}.wasm`)))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  for (const name of Object.keys(MODULES) as ReadonlyArray<keyof typeof MODULES>) {
    const lines = Buffer.from(compile(name)).toString("base64").match(/.{1,110}/g)!
    writeFileSync(
      join(folder, `${name}_wasm.ts`),
      [
        `/** The WebAssembly module of ${name}.as, in base64. Written by \`npm run build:wasm\`; do not edit. */`,
        `export const ${name.toUpperCase()}_WASM: string =`,
        lines.map((line) => `  "${line}"`).join(" +\n"),
        "",
      ].join("\n"),
    )
  }
}

/** The command-line tools read what the compressors write, and the other way round. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { gzip } from "../../../stages/compress/gzip.ts"
import { zstd } from "../../../stages/compress/zstd.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"
import { noise, prose } from "../../suites/noise.ts"
import { missing, runTool as run } from "../../tool.ts"

const same = (a: Uint8Array, b: Uint8Array, what: string): void => assert.ok(Buffer.compare(a, b) === 0, what)

const contents = [new Uint8Array(0), Uint8Array.of(1), new Uint8Array(500_000), noise(131_073), prose(400_000)]

for (const [kind, table] of [["portable", {}], ["native", nativeKernels]] as const) {
  test(`zstd and ${kind} zstd read each other`, { skip: missing("zstd") }, () => {
    const kernel = makeKernel(zstd(), table)
    for (const content of contents) {
      same(run("zstd", ["-d", "-q"], kernel.encode(content)), content, "zstd -d")
      for (const args of [["-19", "--long=27"], ["-1", "--no-check"]]) {
        same(kernel.decode(run("zstd", ["-q", ...args], content), content.length), content, `zstd ${args.join(" ")}`)
      }
    }
  })
  test(`gzip and ${kind} gzip read each other`, { skip: missing("gzip") }, () => {
    const kernel = makeKernel(gzip(), table)
    for (const content of contents) {
      same(run("gzip", ["-d"], kernel.encode(content)), content, "gzip -d")
      for (const level of ["-1", "-9"]) {
        same(kernel.decode(run("gzip", [level], content), content.length), content, level)
      }
    }
  })
}

/**
 * The command of this checkout and restic, side by side, on one bucket of an S3 server: without delay, and with 50 ms
 * for each request. `npm run bench:remote -- --corpus small --scale 0.5 --runs 3`. Options: bench/README.md.
 */
import process from "node:process"
import { type Ceph, noCeph, startCeph } from "../tests/servers/ceph.ts"
import { countingProxy } from "./counting_proxy.ts"
import { peers } from "./peer_tools.ts"
import { penstocks } from "./penstock_tools.ts"
import { type Distance, measureTools } from "./run.ts"

/** The delay of each request in the second case, in milliseconds. */
const DELAY = 50

/**
 * A server that is there already (`BENCH_S3_ENDPOINT`, with credentials where S3 programs look for them), or a Ceph
 * that is started and then stopped.
 */
const start = async (): Promise<{ readonly endpoint: string; readonly ceph?: Ceph }> => {
  const given = process.env["BENCH_S3_ENDPOINT"]
  if (given !== undefined) return { endpoint: given }
  if (noCeph !== undefined) throw new Error(`${noCeph}; install it, or name an S3 server in BENCH_S3_ENDPOINT`)
  const ceph = await startCeph()
  process.env["AWS_ACCESS_KEY_ID"] = ceph.accessKey
  process.env["AWS_SECRET_ACCESS_KEY"] = ceph.secretKey
  return { endpoint: ceph.endpoint, ceph }
}

const { ceph, endpoint } = await start()
// A run that is stopped by a signal ends with this event.
process.on("exit", () => ceph?.drop())
const bucket = process.env["BENCH_S3_BUCKET"] ?? `penstock-bench-${process.pid}`
let repositories = 0
const proxies = [await countingProxy(endpoint), await countingProxy(endpoint, DELAY)]
const distances = proxies.map((proxy, i): Distance => ({
  label: i === 0 ? "" : ` +${DELAY} ms`,
  server: {
    repository: () => `s3:${proxy.endpoint}/${bucket}/${repositories++}`,
    traffic: proxy.traffic,
  },
}))
try {
  await measureTools(
    "remote",
    ["node", "deno", "bun"],
    async (runtimes, formats) => [
      ...await penstocks(runtimes, formats),
      ...peers().filter(({ name }) => name === "restic"),
    ],
    distances,
  )
} finally {
  for (const proxy of proxies) await proxy.close()
  await ceph?.stop()
}

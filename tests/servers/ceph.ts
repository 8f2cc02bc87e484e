/** A Ceph cluster of one monitor and one disk in memory, with its S3 gateway on a free port of the loopback. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { randomBytes, randomUUID } from "node:crypto"
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort, programPath } from "./process.ts"

const programs = ["ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"]
const missing = programs.filter((name) => programPath(name) === undefined)

/** Why the server cannot be started here; undefined if it can. */
export const noCeph: string | undefined = missing.length === 0
  ? undefined
  : `${missing.join(", ")} not installed (packages radosgw, ceph-mon, ceph-osd, ceph-common)`

/** A running cluster. */
export interface Ceph {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
  /** Kills the gateway and its connections, as a crash would. Stored objects stay. */
  readonly killGateway: () => Promise<void>
  readonly startGateway: () => Promise<void>
  /** Stops all processes and removes all files. */
  readonly stop: () => Promise<void>
  /** The same, synchronously, for a process that is about to end. */
  readonly drop: () => void
}

const configuration = (directory: string, fsid: string, gateway: number, v1: number, v2: number): string => `
[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = false
ms mon client mode = crc
ms bind ipv6 = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 2
runProgram dir = ${directory}
admin socket =
pid file = ${directory}/$name.pid
log file = ${directory}/$name.log
mon cluster log file = ${directory}/cluster.log
[mon]
mon data = ${directory}/mon
paxos propose interval = 0.05
paxos min wait = 0.01
[osd]
osd data = ${directory}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd class load list = *
osd class default list = *
[client.rgw]
rgw data = ${directory}/rgw
rgw frontends = beast endpoint=127.0.0.1:${gateway} tcp_nodelay=1
rgw enable usage log = false
rgw enable ops log = false
`

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path: "/", agent: false, timeout: 5000 }, (answer) => {
      answer.resume()
      resolve(true)
    })
    asked.on("timeout", () => asked.destroy())
    asked.on("error", () => resolve(false))
    asked.end()
  })

/** Starts a cluster; it takes a few seconds. */
export const startCeph = async (): Promise<Ceph> => {
  const directory = await mkdtemp(join(tmpdir(), "penstock-ceph-"))
  const children: Array<ChildProcess> = []
  for (const name of ["mon", "osd", "rgw"]) mkdirSync(join(directory, name))
  const file = join(directory, "ceph.conf")
  const fsid = randomUUID()
  const [gatewayPort, v1, v2] = [await freePort(), await freePort(), await freePort()]
  writeFileSync(file, configuration(directory, fsid, gatewayPort, v1, v2))
  const accessKey = `AK${randomBytes(9).toString("hex").toUpperCase()}`
  const secretKey = randomBytes(20).toString("hex")

  const runProgram = (program: string, ...args: ReadonlyArray<string>): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile(programPath(program)!, ["-c", file, ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(`${program} failed: ${stderr}`))
      })
    })
  const daemon = (program: string, ...args: ReadonlyArray<string>): ChildProcess => {
    const log = openSync(join(directory, `${program}.out`), "a")
    const child = spawn(programPath(program)!, ["-c", file, "-f", ...args], { stdio: ["ignore", log, log] })
    children.push(child)
    return child
  }
  const end = (child: ChildProcess): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve()
      child.once("exit", () => resolve())
      child.kill("SIGKILL")
    })
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await end(child)
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  let gateway: ChildProcess | undefined
  const startGateway = async (): Promise<void> => {
    // With a cache, a gateway tells the others of every change. It would wait half a minute for the answer of one that
    // was killed.
    const cache = gateway === undefined ? [] : ["--rgw-cache-enabled=false"]
    const started = gateway = daemon("radosgw", "-n", "client.rgw", ...cache)
    for (let i = 0; !(await answers(gatewayPort)); i++) {
      if (started.exitCode !== null || i > 600) {
        throw new Error(`radosgw did not start: ${readFileSync(join(directory, "radosgw.out"), "utf8")}`)
      }
      await pause(100)
    }
  }

  try {
    const address = `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`
    const map = join(directory, "monmap")
    await runProgram("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, map)
    await runProgram("ceph-mon", "--mkfs", "-i", "a", "--monmap", map)
    daemon("ceph-mon", "-i", "a")
    const disk = randomUUID()
    const id = (await runProgram("ceph", "osd", "new", disk)).trim()
    await runProgram("ceph-osd", "-i", id, "--mkfs", "--osd-uuid", disk)
    daemon("ceph-osd", "-i", id)
    await startGateway()
    const user = ["--uid=test", "--display-name=test", `--access-key=${accessKey}`, `--secret-key=${secretKey}`]
    await runProgram("radosgw-admin", "-n", "client.rgw", "user", "create", ...user)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    endpoint: `http://127.0.0.1:${gatewayPort}`,
    accessKey,
    secretKey,
    killGateway: () => end(gateway!),
    startGateway,
    stop,
    drop: () => {
      for (const child of children) child.kill("SIGKILL")
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

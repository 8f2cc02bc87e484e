/**
 * Eight processes back up at the same time into one repository on a real S3 server, on all runtimes. Some are killed,
 * and one is stopped meanwhile. No other waits for it, and every finished snapshot is whole.
 */
import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { it } from "node:test"
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import { openStore } from "../../../adapters/store/open/open.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { memoryDirectory } from "../../adapters/store/local/directory.ts"
import { noCeph, startCeph } from "../../servers/ceph.ts"
import { skipIf } from "../../skip.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { secrets, small } from "./harness.ts"

const script = fileURLToPath(import.meta.resolve("./child.ts"))
const binaries = join(import.meta.dirname!, "../../../node_modules/.bin")
const runtimes = ["node", "bun", "deno"] as const

const WRITERS = 8
const STOPPED = 0
const KILLED = [3, 4, 5]
const KIB = 1 << 10
/** Content that the repository has before; that each writer shares with the next one; that only it has. */
const [OLD, SHARED, OWN] = [4 << 20, 1 << 20, 1 << 20]

/** Files of 40 KiB. */
const plant = (directory: string, bytes: number, seed: number): void => {
  mkdirSync(directory, { recursive: true })
  for (let i = 0; i < bytes / (40 * KIB); i++) {
    writeFileSync(join(directory, `f${i}`), noise(40 * KIB, seed * 1000 + i))
  }
}

/** Paths and hashes of the files of a tree. */
const contentsOf = (tree: string): ReadonlyArray<readonly [string, string]> =>
  readdirSync(tree, { recursive: true, encoding: "utf8" }).filter((path) => statSync(join(tree, path)).isFile())
    .map((path) => [path, createHash("sha256").update(readFileSync(join(tree, path))).digest("hex")] as const).sort()

interface Writer {
  readonly host: string
  readonly tree: string
  readonly child: ChildProcess
  /** When it has begun to work. */
  readonly ready: Promise<void>
  /** Its exit code, null when it was killed; and what it said. */
  readonly over: Promise<{ readonly code: number | null; readonly out: string; readonly errors: string }>
}

/** A process group of its own: the programs of npm may be scripts that start the real one. */
const start = (location: string, tree: string, number: number): Writer => {
  const host = `host-${number}`
  const runtime = runtimes[number % runtimes.length]!
  const own = runtime === "deno" ? ["run", "-A", "--no-check"] : []
  const child = spawn(join(binaries, runtime), [...own, script, "backup", location, tree, host], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  })
  let [out, errors] = ["", ""]
  child.stderr!.on("data", (part) => errors += part)
  const ready = new Promise<void>((resolve) => {
    child.stdout!.on("data", (part) => {
      out += part
      if (out.includes("ready")) resolve()
    })
    child.on("close", () => resolve())
  })
  const over = once(child, "close").then(([code]) => ({
    code: code as number | null,
    out: out.replace("ready\n", ""),
    errors,
  }))
  return { host, tree, child, ready, over }
}

const signal = ({ child }: Writer, name: NodeJS.Signals): void => {
  try {
    process.kill(-child.pid!, name)
  } catch {
    // It is over.
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

const [name, skip] = skipIf(
  noCeph ?? (("Deno" in globalThis || "Bun" in globalThis) && "Node's run has writers on all runtimes"),
  "eight writers, three of them killed and one stopped: the others finish, snapshots are whole, data is stored once",
)

it(
  name,
  { ...skip, timeout: 240_000 },
  () =>
    runFormat(
      Effect.gen(function* () {
        const ceph = yield* Effect.acquireRelease(Effect.promise(startCeph), ({ stop }) => Effect.promise(stop))
        process.env["AWS_ACCESS_KEY_ID"] = ceph.accessKey
        process.env["AWS_SECRET_ACCESS_KEY"] = ceph.secretKey
        const location = `s3:${ceph.endpoint}/many/writers`
        const directory = yield* memoryDirectory
        const seed = Date.now() % 100_000
        console.log(`seed ${seed}`)
        const moments = new Uint32Array(noise(4 * WRITERS, seed).buffer)

        const old = join(directory, "old")
        plant(old, OLD, 100)
        const first = start(location, old, 100)
        yield* Effect.promise(() => first.ready)
        const began = performance.now()
        const { code, errors } = yield* Effect.promise(() => first.over)
        assert.equal(code, 0, errors)
        const takes = performance.now() - began

        const trees = Array.from({ length: WRITERS }, (_, i) => {
          const tree = join(directory, `tree-${i}`)
          plant(join(tree, "old"), OLD, 100)
          plant(join(tree, "shared"), SHARED, 200 + (i >> 1))
          plant(join(tree, "own"), OWN, 300 + i)
          return tree
        })
        const writers = trees.map((tree, i) => start(location, tree, i))
        const stopped = writers[STOPPED]!
        const disturb = async (writer: Writer, i: number): Promise<void> => {
          await writer.ready
          await pause(2 * takes * moments[i]! / 2 ** 32)
          signal(writer, writer === stopped ? "SIGSTOP" : "SIGKILL")
        }
        const disturbed = [STOPPED, ...KILLED].map((i) => disturb(writers[i]!, i))
        // All others finish while one holds what it holds.
        const others = writers.filter((writer) => writer !== stopped)
        const ends = new Map(
          yield* Effect.promise(() => Promise.all(others.map(async (writer) => [writer, await writer.over] as const))),
        )
        yield* Effect.promise(() => Promise.all(disturbed))
        signal(stopped, "SIGCONT")
        ends.set(stopped, yield* Effect.promise(() => stopped.over))

        const store = yield* openStore(location)
        const repository = yield* Effect.provideService(small.open(secrets), ObjectStore, store)
        /** Nothing is damaged, there is a snapshot of each of these, and every snapshot is of its tree. */
        const whole = Effect.fnUntraced(function* (hosts: ReadonlyArray<string>) {
          const { findings } = yield* repository.check({ readData: 100 })
          // A writer may be killed when its log is whole and its snapshot is not committed: check tells of the run.
          const unexpected = findings.filter(({ message }) =>
            !message.includes("is not in INDEX, and its log is whole")
          )
          assert.deepEqual(unexpected, [])
          assert.ok(findings.length <= KILLED.length, JSON.stringify(findings))
          const snapshots = yield* repository.snapshots
          for (const host of hosts) {
            assert.ok(snapshots.some(({ hostname }) => hostname === host), `no snapshot of ${host}`)
          }
          for (const snapshot of snapshots) {
            const tree = writers.find(({ host }) => host === snapshot.hostname)?.tree ?? old
            const facts = yield* factsOf(repository.entries(snapshot))
            const files = [...facts].filter(([, { kind }]) => kind === "file").map((
              [path, { content }],
            ) => [path, content])
            assert.deepEqual(files.sort(), contentsOf(tree), snapshot.hostname)
          }
          return snapshots.length
        })
        const finished = [...ends].filter(([, { code }]) => code === 0)
        for (const [{ host }, { code, errors }] of ends) {
          if (code !== 0) assert.ok(KILLED.some((i) => writers[i]!.host === host), `${host} failed: ${errors}`)
        }
        assert.ok(finished.length >= WRITERS - KILLED.length)
        const snapshots = yield* whole(finished.map(([{ host }]) => host))
        for (const [{ host }, { out }] of finished) {
          const { bytesAdded, problems } = JSON.parse(out)
          assert.deepEqual(problems, [], host)
          // What was there before is not stored again, whoever else is at work.
          assert.ok(bytesAdded <= SHARED + OWN + 80 * KIB, `${host} added ${bytesAdded} bytes`)
        }
        console.log(`${finished.length} of ${WRITERS} finished, ${snapshots} snapshots`)

        // Those that were killed try again, at the same time; after that all is there.
        const again = KILLED.map((i) => start(location, trees[i]!, i))
        for (const { host, over } of again) {
          const { code, errors } = yield* Effect.promise(() => over)
          assert.equal(code, 0, `${host} failed: ${errors}`)
        }
        yield* whole(writers.map(({ host }) => host))
        // Those runs become snapshots, too, and their trees are whole.
        const rebuilt = yield* repository.rebuild
        assert.deepEqual(rebuilt.findings, [])
        yield* whole(writers.map(({ host }) => host))
        assert.deepEqual((yield* repository.check({ readData: 0 })).findings, [])

        // Noise: stored as it is. Nobody else has a name for what a lock would be.
        const objects = yield* Stream.runCollect(store.list(""))
        const odd = objects.filter(({ name }) =>
          !/^(ROZEN\.json|KEYS\/.*\.json|(DATA|INDEX)\/.*\.(roz|roz-log|map|cat|catmap|idx))$/.test(name)
        )
        assert.deepEqual(odd, [])
        const stored = objects.filter(({ name }) => name.endsWith(".roz")).reduce((sum, { size }) => sum + size, 0)
        const distinct = OLD + WRITERS * OWN + WRITERS / 2 * SHARED
        console.log(`${(stored / distinct).toFixed(2)} times the distinct content is stored`)
        // At worst, both who share something store it, and each that is killed loses what was not yet in a pack.
        assert.ok(
          stored <= 1.1 * (distinct + WRITERS / 2 * SHARED + KILLED.length * (SHARED + OWN)),
          `${stored} bytes stored`,
        )
      }),
    ),
)

/** Secrets appear nowhere: neither in output, nor in process lists, nor in stored objects. */
// On one runtime: it looks for secrets in what portable code prints and passes on.
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import type { Script } from "./process/bundled.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "./process/spawn.ts"

const main = "tests/cli/process/quick_main.ts"
const remoteMain = "tests/cli/process/remote_main.ts"

const secret = (): string => `sEcReT${randomBytes(12).toString("hex")}`

/** Every variable that may hold a secret. All are set in every run. */
const variables: Readonly<Record<string, string>> = Object.fromEntries(
  [
    "PENSTOCK_PASSWORD",
    "PENSTOCK_TO_PASSWORD",
    "PENSTOCK_NEW_PASSWORD",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "PENSTOCK_WEBDAV_PASSWORD",
    "PENSTOCK_SFTP_PASSWORD",
  ].map((name) => [name, secret()]),
)

/** A secret in URLs. Everybody sees those in the process list, but the secret must not get any further. */
const urlSecret = secret()

/**
 * Stores without a server: their errors must not contain secrets either. Each is tried until the command says that it
 * does not answer.
 */
const unreachable: ReadonlyArray<string> = [
  "s3://bucket/prefix",
  "sftp://user@127.0.0.1:1/backups",
  "webdav+http://127.0.0.1:1/backups",
  `webdav+http://user:${urlSecret}@127.0.0.1:1/backups`,
  `sftp://user:${urlSecret}@127.0.0.1:1/backups`,
  "http://127.0.0.1:1/backups",
]
const elsewhere = {
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
  AWS_REGION: "us-east-1",
  AWS_ENDPOINT_URL: "http://127.0.0.1:1",
  PENSTOCK_WEBDAV_USER: "user",
}

/** Where a secret was seen. */
interface Seen {
  readonly secret: string
  readonly where: string
}

const look = (text: string, where: string, secrets: ReadonlyArray<string>): ReadonlyArray<Seen> =>
  secrets.flatMap((secret) =>
    [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64").replace(/=+$/, "")]
        .some((form) => text.includes(form))
      ? [{ secret, where }]
      : []
  )

/** Watches the arguments of all processes. */
const watchProcesses = (secrets: ReadonlyArray<string>): { readonly stop: () => ReadonlyArray<Seen> } => {
  const seen: Array<Seen> = []
  const timer = setInterval(() => {
    for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        seen.push(...look(fs.readFileSync(`/proc/${pid}/cmdline`, "latin1"), "process list", secrets))
      } catch {
        // It has ended.
      }
    }
  }, 50)
  return {
    stop: () => {
      clearInterval(timer)
      return seen
    },
  }
}
const processes = fs.existsSync("/proc/self/cmdline")

test("no secret is printed, listed or stored", { timeout: 280_000 }, () =>
  inDirectory(async (at) => {
    const write = (name: string, text: string): string => {
      fs.writeFileSync(at(name), text)
      return at(name)
    }
    fs.mkdirSync(at("source"))
    fs.writeFileSync(join(at("source"), "letter"), "dear reader")
    const filePassword = secret()
    const key = randomBytes(32).toString("hex")
    const passwordFile = write("password", `${filePassword}\n`)
    const keyFile = write("key", `${key}\n`)
    const secrets = [...Object.values(variables), filePassword, key]
    // Not a secret: it must be found where it is given, which shows that this test can fail.
    const tag = secret()
    const watched = processes ? watchProcesses([...secrets, tag]) : undefined

    const seen: Array<Seen> = []
    const outputs: Array<string> = []
    const run = async (
      script: Script,
      args: ReadonlyArray<string>,
      env: Readonly<Record<string, string>> & { readonly without?: string } = {},
      impatient = false,
    ): Promise<Ended> => {
      const { without = "", ...more } = env
      const { [without]: _, ...given } = variables
      const ended = await runScript(script, args, {
        env: { ...given, ...elsewhere, PENSTOCK_CACHE_DIR: at("cache"), XDG_STATE_HOME: at("state"), ...more },
        // The list of processes is to show what they were started with.
        spawned: true,
        ...(impatient
          ? {
            started: (child) => {
              child.stderr!.on("data", (part) => String(part).includes("does not answer") && child.kill("SIGINT"))
            },
          }
          : {}),
      })
      const what = args.filter((arg) => !arg.includes(urlSecret)).join(" ")
      outputs.push(ended.stdout + ended.stderr)
      seen.push(...look(ended.stdout, `stdout of ${what}`, [...secrets, urlSecret, tag]))
      seen.push(...look(ended.stderr, `stderr of ${what}`, [...secrets, urlSecret]))
      return ended
    }
    const loud = ["--debug", "--json", "--log-store"]
    const repo = ["-r", `far:${at("far")}`]
    const made = await run(remoteMain, ["backup", "--init", ...repo, ...loud, "--tag", tag, at("source")])
    assert.equal(made.code, 0, made.stderr)
    assert.match(made.stderr, /ROZEN\.json/)
    const of = { without: "PENSTOCK_PASSWORD" }
    const all = await Promise.all([
      run(remoteMain, ["snapshots", ...repo, ...loud]),
      run(remoteMain, ["restore", ...repo, ...loud, "--target", at("restored")]),
      run(remoteMain, ["check", ...repo, "--debug", "--read-data"]),
      run(remoteMain, ["key", "add", ...repo, ...loud]),
      run(remoteMain, ["convert", ...repo, ...loud, "--to", at("bkp"), "--to-format", "bkp"]),
      run(main, ["init", "-r", at("fog"), "--format", "fogsync", "--key-file", keyFile, ...loud], of),
      run(main, ["init", "-r", at("other"), "--password-file", passwordFile, ...loud], of),
    ])
    for (const ended of all) assert.equal(ended.code, 0, ended.stderr)
    const failed = await Promise.all([
      // A wrong password that is right elsewhere; no repository; a wrong key; a store that never answers.
      run(remoteMain, ["snapshots", ...repo, ...loud, "--password-file", passwordFile], of),
      run(main, ["ls", "-r", at("nothing"), ...loud]),
      run(main, ["ls", "-r", at("fog"), "--key-file", passwordFile, ...loud], of),
      run(remoteMain, ["ls", ...repo, ...loud], { FAR_FAILS: "1000000", FAR_WITHIN: "500" }),
    ])
    for (const ended of failed) assert.notEqual(ended.code, 0)
    assert.equal(failed[0]!.code, 12, failed[0]!.stderr)
    for (
      const ended of await Promise.all(
        unreachable.map((location) => run(main, ["snapshots", "-r", location, ...loud], {}, true)),
      )
    ) {
      assert.notEqual(ended.code, 0)
      assert.notEqual(ended.stderr, "")
    }

    for (const folder of ["far", "bkp", "fog", "other", "cache", "restored", "state"]) {
      for (const name of fs.readdirSync(at(folder), { recursive: true, encoding: "utf8" })) {
        const path = join(at(folder), name)
        if (fs.statSync(path).isFile()) seen.push(...look(fs.readFileSync(path, "latin1"), path, secrets))
        seen.push(...look(name, path, secrets))
      }
    }
    const listed = watched?.stop() ?? []
    assert.deepEqual(seen.filter(({ secret }) => secret !== tag), [])
    assert.deepEqual(listed.filter(({ secret }) => secret !== tag), [])
    // The tag is where it belongs: in the record of the snapshot, and among the arguments.
    assert.deepEqual(rowsOf(all[0]!)[0]!["tags"], [tag])
    assert.ok(seen.some(({ secret }) => secret === tag))
    if (processes) assert.ok(listed.length > 0)
    assert.ok(outputs.every((output) => output !== ""))
  }))

/** Ways to log in, and the errors of those that fail. */
import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { after, before, describe, it } from "node:test"
import process from "node:process"
import { inspect } from "node:util"
import { Effect, Redacted } from "effect"
import { sftpStore, type SftpStoreOptions } from "../../../../adapters/store/sftp/sftp.ts"
import type { StoreError } from "../../../../stages/store/store.ts"
import { skipIf } from "../../../skip.ts"
import { noSshd, type Sshd, startSshd } from "../../../servers/sshd.ts"

const secret = "correct horse battery staple"
const without: SftpStoreOptions = { create: true, agent: "", config: "/dev/null" }

describe("logging in to an SFTP server", { skip: noSshd ?? false }, () => {
  let sshd: Sshd
  before(async () => {
    sshd = await startSshd({ config: ["PasswordAuthentication yes"] })
  })
  after(() => sshd?.stop())

  const at = (identity: string, knownHosts = sshd.at("known_hosts"), user = sshd.user): string =>
    `sftp://${user}@127.0.0.1:${sshd.port}${sshd.at("store")}?identity=${identity}&known-hosts=${knownHosts}`
  const works = (location: string, options: SftpStoreOptions = without): Promise<void> =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const store = yield* sftpStore.make(location, options)
      yield* store.put("x", [new TextEncoder().encode("hello")], { replace: true })
    })))
  const refused = (location: string, options: SftpStoreOptions = without): Promise<StoreError> =>
    Effect.runPromise(Effect.scoped(Effect.flip(sftpStore.make(location, options)))).then((error) => {
      for (const text of [error.message, inspect(error, { depth: 9 }), JSON.stringify(error)]) {
        assert.ok(!text.includes(secret), text)
      }
      assert.ok(!error.message.endsWith("."), error.message)
      return error
    })

  it("takes keys of Ed25519 and RSA", async () => {
    for (const type of ["ed25519", "rsa"]) await works(at(sshd.makeKey(`of_type_${type}`, { type })))
  })

  const noEcdsa = "Deno" in globalThis && "Deno cannot sign with the ECDSA keys that ssh2 hands it"
  it(...skipIf(noEcdsa, "takes keys of ECDSA"), async () => {
    await works(at(sshd.makeKey("of_type_ecdsa", { type: "ecdsa" })))
  })

  it("takes an encrypted key with its passphrase", async () => {
    const key = sshd.makeKey("encrypted", { passphrase: secret })
    await works(at(key), { ...without, passphrase: Redacted.make(secret) })
    const none = await refused(at(key))
    assert.equal(none.reason, "denied")
    assert.match(none.message, /encrypted is encrypted \(set PENSTOCK_SFTP_PASSPHRASE/)
    const wrong = await refused(at(key), { ...without, passphrase: Redacted.make(`${secret}!`) })
    assert.match(wrong.message, /PENSTOCK_SFTP_PASSPHRASE does not decrypt .*encrypted/)
  })

  it("takes the keys of an agent, also for a key that is encrypted", async () => {
    const key = sshd.makeKey("in_agent")
    const socket = sshd.at("agent.socket")
    const agent = execFileSync("ssh-agent", ["-a", socket], { encoding: "utf8" })
    try {
      const added = spawnSync("ssh-add", [key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, encoding: "utf8" })
      assert.equal(added.status, 0, added.stderr)
      const encrypted = sshd.at("encrypted_2")
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", secret, "-f", encrypted])
      await works(at(encrypted), { ...without, agent: socket })
    } finally {
      process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(agent)![1]))
    }
  })

  it("skips an agent that does not exist", async () => {
    const location = at(sshd.at("strange"))
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", sshd.at("strange")])
    const error = await refused(location, { ...without, agent: sshd.at("no.socket") })
    assert.equal(error.reason, "denied")
    assert.match(error.message, /tried the key .*strange, the keys of the agent; the keys of the agent failed here/)
  })

  it("names the user, what was tried and what the server takes, if the login fails", async () => {
    const error = await refused(at(sshd.at("strange")), { ...without, password: Redacted.make(secret) })
    assert.equal(error.reason, "denied")
    assert.match(error.message, new RegExp(`${sshd.user}@\\[127.0.0.1\\]:${sshd.port}`))
    assert.match(error.message, /tried the key .*strange, the password; .*the server takes publickey, password/)
    const missing = await refused(at(sshd.at("no-such-key")))
    assert.match(missing.message, /There is no private key .*no-such-key/)
    const noKey = await refused(at(sshd.at("known_hosts")))
    assert.match(noKey.message, /known_hosts is not a private key/)
  })

  it("says how to name a key when an agent has too many", async () => {
    const socket = sshd.at("full.socket")
    const agent = execFileSync("ssh-agent", ["-a", socket], { encoding: "utf8" })
    try {
      for (let i = 0; i < 7; i++) {
        execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", sshd.at(`useless_${i}`)])
        spawnSync("ssh-add", [sshd.at(`useless_${i}`)], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
      }
      const error = await refused(at(sshd.at("strange")), { ...without, agent: socket })
      assert.equal(error.reason, "denied", error.message)
      assert.match(error.message, /tried the key .*, the keys of the agent.*name the key with \?identity=FILE/)
      await works(at(sshd.at("id")), { ...without, agent: socket })
    } finally {
      process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(agent)![1]))
    }
  })

  it("refuses an unknown host, with its fingerprint and the way out", async () => {
    for (const file of [sshd.at("no-such-file"), "/dev/null"]) {
      const error = await refused(at(sshd.at("id"), file))
      assert.equal(error.reason, "denied")
      const shown = execFileSync("ssh-keygen", ["-l", "-f", sshd.at("host_ed25519.pub")], { encoding: "utf8" })
      assert.ok(error.message.includes(`ssh-ed25519 ${shown.split(" ")[1]}`), error.message)
      assert.match(error.message, /connect once with "ssh -p \d+ .*ssh-keyscan -p \d+ 127\.0\.0\.1 >> /)
    }
  })

  it("refuses a host whose key has changed or is revoked", async () => {
    const known = readFileSync(sshd.at("known_hosts"), "utf8")
    const name = `[127.0.0.1]:${sshd.port}`
    const own = readFileSync(sshd.at("id.pub"), "utf8").split(" ").slice(0, 2).join(" ")
    writeFileSync(sshd.at("changed"), `# comment\n${name} ${own}\n`)
    const changed = await refused(at(sshd.at("id"), sshd.at("changed")))
    assert.equal(changed.reason, "denied")
    assert.match(changed.message, /HAS CHANGED.*line 2 of .*changed has another.*ssh-keygen -f .*changed -R/)
    const revoked = known.split("\n").filter((line) => line !== "").map((line) => `@revoked ${line}\n`).join("")
    writeFileSync(sshd.at("revoked"), known + revoked)
    assert.match((await refused(at(sshd.at("id"), sshd.at("revoked")))).message, /is revoked by line/)
  })

  it("knows hosts by hash, and asks for the known key", async () => {
    const ecdsa = readFileSync(sshd.at("known_hosts"), "utf8").split("\n").find((line) => line.includes("ecdsa"))!
    writeFileSync(sshd.at("hashed"), "")
    appendFileSync(sshd.at("hashed"), `${ecdsa}\n`)
    execFileSync("ssh-keygen", ["-H", "-f", sshd.at("hashed")], { stdio: "ignore" })
    assert.match(readFileSync(sshd.at("hashed"), "utf8"), /^\|1\|/)
    await works(at(sshd.at("id"), sshd.at("hashed")))
  })

  it("finds the host by the configuration of ssh", async () => {
    writeFileSync(
      sshd.at("config"),
      `Host my-backup\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${sshd.user}\n  IdentityFile ${
        sshd.at("id")
      }\n  UserKnownHostsFile ${sshd.at("known_hosts")}\nHost far\n  ProxyJump my-backup\n`,
    )
    await works(`sftp:my-backup:${sshd.at("by-config")}`, { ...without, config: sshd.at("config") })
    const far = await refused("sftp:far:x", { ...without, config: sshd.at("config") })
    assert.match(far.message, /ProxyJump, which is not supported/)
  })
})

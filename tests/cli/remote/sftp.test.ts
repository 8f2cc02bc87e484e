/** The whole command on an SFTP server. */
import assert from "node:assert/strict"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { describe, it } from "node:test"
import { noSshd, startSshd } from "../../servers/sshd.ts"
import { inDirectory, rowsOf, runScript } from "../process/spawn.ts"

const main = "tests/cli/process/quick_main.ts"

describe("the command on an SFTP server", { skip: noSshd ?? false }, () => {
  it("makes a repository, backs up, checks and restores, and shows no secret", () =>
    inDirectory(async (at) => {
      const sshd = await startSshd({ config: ["PasswordAuthentication yes"] })
      try {
        const repo = sshd.location("repo")
        const secrets = { PENSTOCK_PASSWORD: "hunter2-repo", PENSTOCK_SFTP_PASSWORD: "hunter2-login" }
        const run = (...args: ReadonlyArray<string>) => runScript(main, args, { env: secrets })
        const good = async (...args: ReadonlyArray<string>) => {
          const ended = await run(...args)
          assert.equal(ended.code, 0, ended.stderr)
          assert.doesNotMatch(ended.stdout + ended.stderr, /hunter2/)
          return ended
        }
        mkdirSync(at("src/d"), { recursive: true })
        const big = new Uint8Array(3_000_000).map((_, i) => (i * 2654435761) >>> 13)
        writeFileSync(at("src/d/big"), big)
        writeFileSync(at("src/small"), "hello")

        const none = await run("snapshots", "-r", repo)
        assert.equal(none.code, 10, none.stderr)
        await good("init", "-r", repo)
        assert.deepEqual(rowsOf(await good("backup", "-r", repo, "--json", at("src"))).at(-1)!["files"], 2)
        await good("check", "-r", repo, "--read-data")
        await good("restore", "-r", repo, "--target", at("out"))
        assert.deepEqual(new Uint8Array(readFileSync(at("out/d/big"))), big)
        assert.equal(readFileSync(at("out/small"), "utf8"), "hello")
        assert.deepEqual(readdirSync(sshd.at("repo/tmp")), [])

        const stranger = await run(
          "snapshots",
          "-r",
          `sftp://nobody@127.0.0.1:${sshd.port}/x?known-hosts=${sshd.at("known_hosts")}&identity=${sshd.at("id")}`,
        )
        assert.equal(stranger.code, 1)
        assert.match(stranger.stderr, /does not let nobody@.* in: tried the key .*, the password/)
        const leaky = await run("snapshots", "-r", `sftp://root:hunter2@127.0.0.1:${sshd.port}/x`)
        assert.equal(leaky.code, 1)
        assert.match(leaky.stderr, /set PENSTOCK_SFTP_PASSWORD/)
        for (const { stdout, stderr } of [none, stranger, leaky]) assert.doesNotMatch(stdout + stderr, /hunter2/)
      } finally {
        await sshd.stop()
      }
    }))
})

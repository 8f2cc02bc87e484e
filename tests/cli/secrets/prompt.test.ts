/** Passwords from a terminal, and variables that are not text: these tests need another process. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { test } from "node:test"
import { quoted } from "../../../adapters/runtime/quote.ts"
import { basicEnvironment, commandOf, type Ended, inDirectory, runScript } from "../process/spawn.ts"

const main = "tests/cli/process/quick_main.ts"
const noTerminal = spawnSync("script", ["-qec", "true", "/dev/null"], { input: "" }).status !== 0 &&
  "there is no script of util-linux here, which makes a terminal"

/** Runs on a terminal, and types this. */
const onTerminal = (typed: string | Uint8Array, args: ReadonlyArray<string>) => {
  const line = [...commandOf(main), ...args].map(quoted).join(" ")
  const { status, stdout } = spawnSync("script", ["-qec", line, "/dev/null"], {
    input: typed,
    encoding: "utf8",
    env: { ...basicEnvironment(), TERM: "dumb" },
  })
  return { code: status, said: stdout.replaceAll("\r", "").split("\n").filter((line) => / /.test(line)) }
}

test("the terminal asks three times for a password", { skip: noTerminal }, async () => {
  await inDirectory(async (at) => {
    const repo = ["-r", at("repo")]
    const made = onTerminal("one\nother\n\nsecret\nsecret\n", ["init", ...repo])
    assert.equal(made.code, 0, made.said.join("\n"))
    assert.deepEqual(made.said.filter((line) => line.startsWith("penstock:")), [
      "penstock: The two passwords are not the same; try again",
      "penstock: An empty password was given; try again",
    ])
    const wrong = `penstock: The password does not open the repository at ${at("repo")}`
    const third = onTerminal("wrong\nwrong\nsecret\n", ["snapshots", ...repo])
    assert.deepEqual([third.code, third.said.filter((line) => !line.startsWith("Password"))], [
      0,
      [`${wrong}; try again`, `${wrong}; try again`, "0 snapshots"],
    ])
    const never = onTerminal("wrong\nwrong\nwrong\nsecret\n", ["snapshots", ...repo])
    assert.deepEqual([never.code, never.said.at(-1)], [12, wrong])
    const bytes = onTerminal(Buffer.from("caf\xe9\nsecret\n", "latin1"), ["snapshots", ...repo])
    assert.equal(bytes.code, 0)
    assert.ok(bytes.said.includes("penstock: The typed password is not UTF-8, as this terminal sends it; try again"))
    // A password that is given is not asked for.
    const given = await runScript(main, ["snapshots", ...repo], { env: { PENSTOCK_PASSWORD: "wrong" } })
    assert.deepEqual([given.code, given.stderr], [12, `${wrong}\n`])
  })
})

test("a variable that is not text is refused, and not shown", async () => {
  await inDirectory(async (at) => {
    const locations = {
      PENSTOCK_PASSWORD: at("repo"),
      PENSTOCK_PASSWORD_COMMAND: at("repo"),
      PENSTOCK_KEY_FILE: at("repo"),
      PENSTOCK_SFTP_PASSWORD: "sftp://user@127.0.0.1:1/x",
      PENSTOCK_WEBDAV_PASSWORD: "webdav+http://user@127.0.0.1:1/x",
      AWS_SECRET_ACCESS_KEY: "s3://bucket/x",
      PENSTOCK_REPO: undefined,
    }
    assert.equal((await runScript(main, ["init", "-r", at("repo")])).code, 0)
    const run = (name: string, location: string | undefined): Ended => {
      const script = `export ${name}="$(printf 'hunter2-caf\\351')"; exec "$0" "$@"`
      const args = [...commandOf(main), "snapshots", "--debug", ...location === undefined ? [] : ["-r", location]]
      const env = { ...basicEnvironment(), AWS_ACCESS_KEY_ID: "x", AWS_REGION: "x" }
      const { status, stderr, stdout } = spawnSync("sh", ["-c", script, ...args], { encoding: "utf8", env })
      return { code: status, stderr, stdout }
    }
    for (const [name, location] of Object.entries(locations)) {
      const { code, stderr, stdout } = run(name, location)
      assert.deepEqual([code, stdout], [1, ""], stderr)
      assert.match(stderr, new RegExp(`^penstock: The variable ${name} is not text in UTF-8: set it again\n`))
      assert.ok(!stderr.includes("hunter2"), stderr)
    }
  })
})

import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Effect } from "effect"
import { matchesPattern, readConfig } from "../../../../adapters/store/sftp/ssh_config.ts"
import { temporaryDirectory } from "../local/directory.ts"
import { cpuMs } from "../../../cpu.ts"

const withConfig = (text: string, use: (file: string, directory: string) => void): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.map(temporaryDirectory, (directory) => {
    const file = join(directory, "config")
    writeFileSync(file, text)
    use(file, directory)
  })))

describe("the configuration of ssh", () => {
  it("says where a host is and how to log in; the first value counts", () =>
    withConfig(
      [
        "# comment",
        "User everywhere",
        "Host backup *.example.com !old.example.com",
        "  HostName=10.0.0.1",
        "  Port 2222 # comment",
        "  User late",
        `  IdentityFile "~/my keys/one"`,
        "  IdentityFile %d/.ssh/two",
        "  UserKnownHostsFile /a /b",
        "Match host backup",
        "  Port 1",
        "Match all",
        "  IdentityFile /three",
        "Host *",
        "  HostName wrong",
        "  ProxyJump none",
      ].join("\n"),
      (file) => {
        assert.deepEqual(readConfig(file, "BACKUP"), {
          hostName: "10.0.0.1",
          user: "everywhere",
          port: 2222,
          identityFiles: [join(homedir(), "my keys/one"), join(homedir(), ".ssh/two"), "/three"],
          knownHostsFiles: ["/a", "/b"],
        })
        assert.equal(readConfig(file, "x.example.com").port, 2222)
        assert.deepEqual(readConfig(file, "old.example.com"), {
          hostName: "wrong",
          user: "everywhere",
          identityFiles: ["/three"],
        })
      },
    ))

  it("includes files, and an Include within a Host is for that host", () =>
    withConfig("Include parts/*.conf\nHost a\n  Include only-a\nHost *\n  User last\n", (file, directory) => {
      mkdirSync(join(directory, "parts"))
      writeFileSync(join(directory, "parts/1.conf"), "Host b\n  Port 7\n")
      writeFileSync(join(directory, "parts/2.conf"), "Host *\n  HostName %h.lan\n")
      writeFileSync(join(directory, "only-a"), "Port 8\nInclude only-a\n")
      assert.deepEqual(readConfig(file, "a"), { hostName: "a.lan", port: 8, user: "last", identityFiles: [] })
      assert.deepEqual(readConfig(file, "b"), { hostName: "b.lan", port: 7, user: "last", identityFiles: [] })
    }))

  it("names unsupported ways to connect, and may be missing", () =>
    withConfig("Host a\n  ProxyJump bastion\nHost b\n  ProxyCommand nc %h\n", (file, directory) => {
      assert.equal(readConfig(file, "a").unsupported, "ProxyJump")
      assert.equal(readConfig(file, "b").unsupported, "ProxyCommand")
      assert.equal(readConfig(file, "c").unsupported, undefined)
      assert.deepEqual(readConfig(join(directory, "none"), "a"), { hostName: "a", identityFiles: [] })
    }))

  it("is limited: files that include each other, and patterns of many stars, come to an end", () =>
    withConfig("Include other\nInclude other\nInclude config\n", (file, directory) => {
      writeFileSync(join(directory, "other"), "Include config\nInclude config\n")
      const start = cpuMs()
      assert.throws(() => readConfig(file, "host"), /includes more than 256 files, or files that include each other$/)
      assert.equal(matchesPattern("*a".repeat(50), "a".repeat(200)), true)
      assert.equal(matchesPattern(`${"*a".repeat(50)}b`, "a".repeat(5000)), false)
      assert.ok(cpuMs() - start < 5000)
      for (
        const [pattern, host, fits] of [
          ["*", "", true],
          ["", "x", false],
          ["?", "x", true],
          ["??", "x", false],
          ["*.Example.com", "a.b.example.COM", true],
          ["*.example.com", "example.com", false],
          ["a*c", "abcbc", true],
          ["a*c", "abcb", false],
          ["a.c", "abc", false],
          ["**x**", "x", true],
        ] as const
      ) assert.equal(matchesPattern(pattern, host), fits, `${pattern} ${host}`)
    }))
})

import assert from "node:assert/strict"
import { Buffer } from "node:buffer"
import { createHmac } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Effect } from "effect"
import { fingerprint, judgeKey, preferredAlgorithms } from "../../../../adapters/store/sftp/known_hosts.ts"
import { temporaryDirectory } from "../local/directory.ts"

/** A key of this type, whose content does not matter. */
const makeKey = (type: string, content: string): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(type.length)
  return Buffer.concat([length, Buffer.from(type + content)])
}
const line = (hosts: string, type: string, content: string): string =>
  `${hosts} ${type} ${makeKey(type, content).toString("base64")} a comment`
const hashed = (name: string): string => {
  const salt = Buffer.from("12345678901234567890")
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`
}
const ED = "ssh-ed25519"

const withFile = (lines: ReadonlyArray<string>, use: (files: ReadonlyArray<string>) => void): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.map(temporaryDirectory, (directory) => {
    const file = join(directory, "known_hosts")
    writeFileSync(file, lines.join("\n"))
    use([join(directory, "none"), file])
  })))

describe("known hosts", () => {
  it("are found by name, port, pattern and hash", () =>
    withFile([
      "# comment",
      "",
      line("plain,10.0.0.1", ED, "1"),
      line("[port]:2222", ED, "2"),
      line("*.example.com,!bad.example.com", ED, "3"),
      line(hashed("secret"), ED, "4"),
      line(hashed("[secret]:2222"), ED, "5"),
      "broken",
      "|1|x broken line",
    ], (files) => {
      const is = (host: string, port: number, content: string) => judgeKey(files, host, port, makeKey(ED, content)).is
      assert.equal(is("plain", 22, "1"), "known")
      assert.equal(is("PLAIN", 22, "1"), "known")
      assert.equal(is("10.0.0.1", 22, "1"), "known")
      assert.equal(is("plain", 2222, "1"), "known", "a key without a port is for every port")
      assert.equal(is("plain", 2222, "0"), "unknown")
      assert.equal(is("port", 2222, "2"), "known")
      assert.equal(is("port", 22, "2"), "unknown")
      assert.equal(is("a.example.com", 22, "3"), "known")
      assert.equal(is("bad.example.com", 22, "3"), "unknown")
      assert.equal(is("secret", 22, "4"), "known")
      assert.equal(is("secret", 2222, "5"), "known")
      assert.equal(is("other", 22, "1"), "unknown")
      assert.equal(is("plain", 22, "2"), "changed")
    }))

  it("with another key are changed, and the line is named", () =>
    withFile([line("h", "ssh-rsa", "1"), line("h", ED, "2")], (files) => {
      const verdict = judgeKey(files, "h", 22, makeKey(ED, "other"))
      assert.deepEqual(verdict.is === "changed" && [verdict.known.file, verdict.known.line], [files[1], 2])
      assert.equal(judgeKey(files, "h", 22, makeKey("ecdsa-sha2-nistp256", "x")).is, "changed")
    }))

  it("with a revoked key are never known, and keys of authorities do not count", () =>
    withFile([
      line("h", ED, "1"),
      line("@revoked *", ED, "1"),
      line("@cert-authority *", ED, "2"),
      line("@other h", ED, "3"),
    ], (files) => {
      assert.equal(judgeKey(files, "h", 22, makeKey(ED, "1")).is, "revoked")
      assert.equal(judgeKey(files, "other", 22, makeKey(ED, "2")).is, "unknown")
      assert.equal(judgeKey(files, "h", 22, makeKey(ED, "2")).is, "changed")
      assert.equal(judgeKey(files, "h", 22, makeKey(ED, "3")).is, "changed")
    }))

  it("are asked for their known keys first", () =>
    withFile([line("h", "ssh-rsa", "1"), line("@revoked h", ED, "2"), line("h", "ssh-unheard-of", "2")], (files) => {
      assert.deepEqual(preferredAlgorithms(files, "h", 22).slice(0, 4), [
        ...["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
        ED,
      ])
      assert.equal(preferredAlgorithms(files, "other", 22)[0], ED)
    }))

  it("show a key as ssh does", () => {
    assert.match(fingerprint(makeKey(ED, "1")), /^SHA256:[A-Za-z0-9+/]{43}$/)
  })
})

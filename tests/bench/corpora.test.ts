import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { cpSync, lstatSync, readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { gzipSync } from "node:zlib"
import { wholeFidelity } from "../../stages/walk/fidelity.ts"
import { difference, type Kept, lostOf } from "../../bench/compare.ts"
import { CORPORA, edit, makeCorpus, regularFiles } from "../../bench/corpora.ts"
import { measureTree } from "../../bench/rounds.ts"

const within = (run: (folder: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), "penstock-bench-"))
  try {
    run(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A hash of all names, modes, link targets and contents. */
const digest = (folder: string): string => {
  const hash = createHash("sha256")
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(folder, name)
    const status = lstatSync(path)
    hash.update(`${name}\0${status.mode}\0`)
    if (status.isFile()) hash.update(readFileSync(path))
    if (status.isSymbolicLink()) hash.update(readlinkSync(path))
  }
  return hash.digest("hex").slice(0, 16)
}

// They are the same on every runtime and machine, so that results of different days can be compared. If the corpora
// change, these hashes change.
const expected: Readonly<Record<string, readonly [string, string]>> = {
  small: ["393248d9bf418fac", "43112d3e586b2b17"],
  large: ["b085d66c1a8fcbb5", "ede9bec2b45355f9"],
  media: ["1bb16376b995cbbb", "e019c8c7e7c71e81"],
  tiny: ["fb53fa2c3f1810a4", "e88f67afb4c0ea55"],
}

for (const corpus of CORPORA) {
  test(`${corpus}: a seed gives the same bytes, and the same edit`, () =>
    within((folder) => {
      const made = join(folder, "a")
      makeCorpus(corpus, made, { seed: "1", scale: 0.002 })
      const before = digest(made)
      edit(made, "1")
      assert.deepEqual([before, digest(made)], expected[corpus])
      makeCorpus(corpus, join(folder, "b"), { seed: "2", scale: 0.002 })
      assert.notEqual(digest(join(folder, "b")), before)
    }))
}

test("corpora have their properties: text compresses, media does not, the edited copy shares most content", () =>
  within((folder) => {
    for (const corpus of ["small", "large", "media"] as const) {
      makeCorpus(corpus, join(folder, corpus), { seed: "1", scale: 0.02 })
    }
    const ratio = (corpus: string): number => {
      const all = Buffer.concat(regularFiles(join(folder, corpus)).map((file) => readFileSync(file.path)))
      return all.length / gzipSync(all).length
    }
    assert.ok(ratio("small") > 1.7 && ratio("small") < 5, `small ${ratio("small")}`)
    assert.ok(ratio("media") < 1.01, `media ${ratio("media")}`)
    assert.ok(measureTree(join(folder, "small")).files > 380)
    const [edited, original] = regularFiles(join(folder, "large")).map((file) => readFileSync(file.path))
    assert.notDeepEqual(edited, original)
    assert.ok(Math.abs(edited!.length - original!.length) < 20_000)
  }))

test("difference finds lost and added entries, and changes of content, mode, time and target", () =>
  within((folder) => {
    const source = join(folder, "a")
    mkdirSync(source)
    writeFileSync(join(source, "file"), "content")
    symlinkSync("file", join(source, "link"))
    let copies = 0
    const after = (change: (copy: string) => void, kept?: Kept): string | undefined => {
      const copy = join(folder, `copy-${copies++}`)
      cpSync(source, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
      change(copy)
      return difference(source, copy, kept)
    }
    const file = (copy: string): string => join(copy, "file")
    const keepTime = (path: string, change: () => void): void => {
      const { atime, mtime } = lstatSync(path)
      change()
      utimesSync(path, atime, mtime)
    }
    assert.equal(difference(source, source), undefined)
    assert.match(String(after((copy) => rmSync(file(copy)))), /file is in one of the trees only/)
    assert.match(String(after((copy) => writeFileSync(join(copy, "zzz"), ""))), /zzz is in one of the trees only/)
    assert.match(
      String(after((copy) => keepTime(file(copy), () => writeFileSync(file(copy), "CONTENT")))),
      /other content/,
    )
    assert.match(
      String(after((copy) => keepTime(file(copy), () => writeFileSync(file(copy), "content!")))),
      /other content/,
    )
    assert.match(
      String(after((copy) => (rmSync(join(copy, "link")), symlinkSync("x", join(copy, "link"))))),
      /link points/,
    )
    assert.match(String(after((copy) => chmodSync(file(copy), 0o600))), /file has another mode/)
    const late = (copy: string): void => utimesSync(file(copy), 1, 1)
    assert.match(String(after(late)), /file has another mtime/)
    assert.equal(after(late, { ...wholeFidelity, mtime: undefined }), undefined)
    const writable = (copy: string): void => chmodSync(file(copy), 0o666)
    assert.match(String(after(writable)), /file has another mode/)
    assert.equal(after(writable, { ...wholeFidelity, mode: "execute" }), undefined)
    const linkless = { ...wholeFidelity, kinds: ["file", "directory"] as const }
    assert.equal(after((copy) => rmSync(join(copy, "link")), linkless), undefined)
    assert.match(String(after(() => {}, linkless)), /link is in one of the trees only/)
    assert.deepEqual(lostOf({ ...linkless, owner: false, directoryMtimes: false }).slice(-2), [
      "owners",
      "mtimes of directories",
    ])
  }))

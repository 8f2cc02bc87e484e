/** Makes trees on disk and lists them, without the code under test. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { Effect, type Scope } from "effect"
import type { MemoryNode, MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { pathFromBytes, pathToBytes } from "../../../stages/walk/path.ts"

/** A new empty directory, which is removed when the scope closes. */
export const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "penstock-test-")))),
  (directory) =>
    Effect.sync(() => {
      try {
        fs.rmSync(directory, { recursive: true })
        if (!fs.existsSync(directory)) return
      } catch {
        // Paths may be too long for a system call, and modes may not allow it.
      }
      execFileSync("chmod", ["-R", "u+rwX", directory])
      execFileSync("rm", ["-rf", "--", directory])
    }),
)

const native = (name: string) => name.isWellFormed() ? name : Buffer.from(pathToBytes(name))

/** Sets a time by `touch`, to the nanosecond. */
const touch = (mtime: bigint, names: ReadonlyArray<string>): void => {
  const sign = mtime < 0n ? "-" : ""
  const magnitude = mtime < 0n ? -mtime : mtime
  const digits = (magnitude % 1_000_000_000n).toString().padStart(9, "0")
  execFileSync("touch", ["-h", "-d", `@${sign}${magnitude / 1_000_000_000n}.${digits}`, "--", ...names])
}

/** Makes a tree of nodes beneath an existing directory. */
export const plant = (root: string, tree: MemoryTree): void => {
  const first = new Map<MemoryNode, string>()
  const paths = Object.keys(tree).sort()
  for (const name of paths) {
    const node = tree[name]!
    const at = `${root}/${name}`
    if (name !== "") {
      fs.mkdirSync(native("directory" in node ? at : at.slice(0, at.lastIndexOf("/"))), { recursive: true })
    }
    const known = first.get(node)
    if (known !== undefined) fs.linkSync(native(known), native(at))
    else if ("symlink" in node) {
      first.set(node, at)
      fs.symlinkSync(native(node.symlink), native(at))
    } else if ("special" in node) {
      first.set(node, at)
      execFileSync("mkfifo", ["--", at])
    } else if ("content" in node) {
      first.set(node, at)
      if (node.sparse) {
        const fd = fs.openSync(native(at), "w")
        fs.ftruncateSync(fd, node.content.length)
        fs.closeSync(fd)
      } else fs.writeFileSync(native(at), node.content)
    }
  }
  const times = new Map<bigint, Array<string>>()
  for (const name of paths) {
    const { mtime } = tree[name]!
    if (mtime !== undefined) times.set(mtime, [...times.get(mtime) ?? [], `${root}/${name}`])
  }
  for (const [mtime, names] of times) touch(mtime, names)
  for (const name of paths.reverse()) {
    const node = tree[name]!
    if (node.mode !== undefined && !("symlink" in node)) fs.chmodSync(native(`${root}/${name}`), node.mode)
  }
}

/** One line for each file beneath `root`, by `find` and `sha256sum`. Without times, which not every runtime keeps. */
export const list = (root: string): Map<string, { readonly facts: string; readonly mtime: bigint }> => {
  const run = (...args: Array<string>): string =>
    execFileSync("find", [".", ...args], { cwd: root, encoding: "latin1", maxBuffer: 1 << 28 })
  const text = (latin1: string): string => pathFromBytes(Buffer.from(latin1, "latin1"))
  const sums = new Map(
    run("-type", "f", "-exec", "sha256sum", "-z", "{}", "+").split("\0").filter((line) => line !== "")
      .map((line) => [text(line.slice(68)), line.slice(0, 64)]),
  )
  const fields = run("-printf", "%P\\0%y\\0%m\\0%U\\0%G\\0%s\\0%l\\0%T@\\0%n\\0%i\\0").split("\0")
  const inodes = new Map<string, string>()
  const lines: Array<ReadonlyArray<string>> = []
  for (let i = 0; i + 10 <= fields.length; i += 10) lines.push(fields.slice(i, i + 10).map(text))
  lines.sort(([a], [b]) => a! < b! ? -1 : 1)
  const out = new Map<string, { facts: string; mtime: bigint }>()
  for (const [name, type, mode, uid, gid, size, target, time, links, inode] of lines) {
    if (type !== "d" && !inodes.has(inode!)) inodes.set(inode!, name!)
    const facts = [
      type,
      mode,
      uid,
      gid,
      target,
      ...(type === "f" ? [size, sums.get(name!)] : []),
      ...(type === "d" ? [] : [links, inodes.get(inode!)]),
    ]
    // %T@ has ten digits after the point, the last of which is always 0.
    const [whole, fraction] = time!.split(".")
    const nanoseconds = BigInt(whole!) * 1_000_000_000n +
      BigInt(whole!.startsWith("-") ? -1 : 1) * BigInt(fraction!.slice(0, 9))
    out.set(name!, { facts: JSON.stringify(facts), mtime: nanoseconds })
  }
  return out
}

/** A tree with every kind of entry. */
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { noise } from "../noise.ts"

/** The time of most of its files, in nanoseconds. */
export const mtime: bigint = 1_600_000_000_123_456_789n

/** A tree with every kind of entry, awkward names, and files of all lengths that matter. */
export const everything = (): MemoryTree => {
  const link = { content: "linked", mode: 0o600, mtime }
  const [symlink, fifo, device] = [
    { symlink: "../twice", mtime },
    { special: "fifo", mode: 0o640, mtime },
    { special: "character", major: 1, minor: 3, mode: 0o660, mtime },
  ] as const
  return {
    "dir/link": symlink,
    "dir/sub/link again": symlink,
    "dir/fifo": fifo,
    "dir/sub/fifo": fifo,
    "dir/device": device,
    "dir/sub/device": device,
    "": { directory: true, mode: 0o755, mtime: 1n },
    "empty": { content: "", mode: 0o600, mtime },
    "one": { content: "x", mode: 0o4755, mtime: -1_000_000_000n, uid: 12, gid: 34, user: "u", group: "g" },
    "same as one": { content: "x", mtime },
    "é \u{1f600}\n": { content: "name", mode: 0o644, mtime },
    "large": { content: noise(300_000, 1), mode: 0o644, mtime },
    "zeros": { content: new Uint8Array(200_000), mode: 0o644, mtime, sparse: true },
    "dir": { directory: true, mode: 0o2750, mtime },
    "dir/hollow": { directory: true, mode: 0o700, mtime },
    "dir/a": link,
    "dir/sub/b": link,
    "dir/sub/text": { content: "text ".repeat(10_000), mtime },
    "link": { symlink: "../no where", mtime },
    "fifo": { special: "fifo", mode: 0o600 },
    "socket": { special: "socket", mode: 0o600 },
    "tty": { special: "character", major: 5, minor: 300, mode: 0o600 },
    "disk": { special: "block", major: 8, minor: 1, mode: 0o600 },
    "bytes \udcff": { content: "\u{1}", mtime },
  }
}

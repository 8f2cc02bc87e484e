/**
 * Trees to measure with. The same seed and scale give the same names and bytes.
 *
 * At scale 1, `small` has 20,000 files like a source tree, 120 MB; `large` has a file of 128 MB and an edited copy of
 * it; `media` has 256 MB of incompressible content in files of some megabytes; `tiny` has 1,000,000 files of up to 200
 * bytes. {@link edit} changes some files of any tree.
 */
import {
  closeSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { type Random, random, textOf } from "./random.ts"

export const CORPORA = ["small", "large", "media", "tiny"] as const
export type Corpus = (typeof CORPORA)[number]

const MIB = 1 << 20

/** Writes a file in pieces, so that it is never in memory as a whole. */
const writeBig = (path: string, size: number, piece: (out: Uint8Array) => Uint8Array): void => {
  const file = openSync(path, "wx")
  try {
    const buffer = new Uint8Array(MIB)
    for (let left = size; left > 0; left -= MIB) writeSync(file, piece(buffer.subarray(0, Math.min(left, MIB))))
  } finally {
    closeSync(file)
  }
}

const small = (folder: string, scale: number, from: Random): void => {
  const text = textOf(from)
  const folders = [folder]
  const files: Array<string> = []
  const count = Math.max(10, Math.round(20_000 * scale))
  for (let i = 0; i < count; i++) {
    if (i % 12 === 0) {
      folders.push(join(folders[from.int(Math.min(folders.length, 400))]!, `part-${folders.length}`))
      mkdirSync(folders.at(-1)!)
    }
    const path = join(folders[from.int(folders.length)]!, `module-${i}.${["ts", "md", "c", "json"][from.int(4)]}`)
    const kind = from.int(100)
    if (kind < 4 && files.length > 0) cpSync(files[from.int(files.length)]!, path)
    else if (kind < 5) symlinkSync(`module-${from.int(count)}.ts`, path)
    else {
      const size = kind < 7 ? 0 : Math.min(from.spread(2500, 1.3), 2 * MIB)
      const bytes = new Uint8Array(size)
      writeFileSync(path, kind < 9 ? from.fill(bytes) : text(bytes), { mode: kind < 14 ? 0o755 : 0o644 })
      files.push(path)
    }
  }
}

/**
 * A file in pieces of 1 MiB, half of them text and half incompressible, and a copy of it with a small edit in the first
 * and every eighth piece.
 */
const large = (folder: string, scale: number, from: Random): void => {
  const text = textOf(from)
  const original = openSync(join(folder, "image.bin"), "wx")
  const copy = openSync(join(folder, "image-edited.bin"), "wx")
  let n = 0
  try {
    for (let left = Math.max(MIB, Math.round(128 * MIB * scale)); left > 0; left -= MIB) {
      const bytes = new Uint8Array(Math.min(left, MIB))
      const piece = from.int(2) === 0 ? text(bytes) : from.fill(bytes)
      writeSync(original, piece)
      if (n++ % 8 > 0) writeSync(copy, piece)
      else {
        const at = from.int(piece.length)
        writeSync(copy, piece.subarray(0, at))
        // Up to 2,000 bytes are inserted, and up to 2,000 bytes are removed.
        writeSync(copy, from.fill(new Uint8Array(1 + from.int(2000))))
        writeSync(copy, piece.subarray(Math.min(piece.length, at + from.int(2000))))
      }
    }
  } finally {
    closeSync(original)
    closeSync(copy)
  }
}

const media = (folder: string, scale: number, from: Random): void => {
  let left = Math.max(MIB, Math.round(256 * MIB * scale))
  for (let i = 0; left > 0; i++) {
    const size = Math.min(left, i % 12 === 11 ? 32 * MIB : from.spread(4 * MIB, 0.5))
    writeBig(join(folder, i % 12 === 11 ? `film-${i}.mp4` : `photo-${i}.jpg`), size, from.fill)
    left -= size
  }
}

const tiny = (folder: string, scale: number, from: Random): void => {
  const text = textOf(from)
  const count = Math.max(10, Math.round(1_000_000 * scale))
  let current = folder
  for (let i = 0; i < count; i++) {
    if (i % 500 === 0) mkdirSync(current = join(folder, `${Math.floor(i / 50_000)}`, `${i / 500}`), { recursive: true })
    writeFileSync(join(current, `${i}`), text(new Uint8Array(from.int(200))))
  }
}

const makers: Readonly<Record<Corpus, (folder: string, scale: number, from: Random) => void>> = {
  small,
  large,
  media,
  tiny,
}

/** Writes a corpus to `folder`, which must not exist. `scale` multiplies the number of files or their size. */
export const makeCorpus = (corpus: Corpus, folder: string, options: { seed: string; scale: number }): void => {
  mkdirSync(dirname(folder), { recursive: true })
  mkdirSync(folder)
  makers[corpus](folder, options.scale, random(`${options.seed} ${corpus}`))
}

/** The regular files beneath `folder`, sorted by name, with their sizes in bytes. */
export const regularFiles = (folder: string): Array<{ readonly path: string; readonly size: number }> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).sort().flatMap((name) => {
    const path = join(folder, name)
    const status = lstatSync(path)
    return status.isFile() ? [{ path, size: status.size }] : []
  })

/** The bytes of the regular files beneath `folder`; 0 if it does not exist. */
export const sizeOf = (folder: string): number =>
  existsSync(folder) ? regularFiles(folder).reduce((sum, file) => sum + file.size, 0) : 0

/**
 * Changes about 2 % of the files, and at least one. A file below 1 MiB gets a new line somewhere; in a larger file,
 * three pieces of 4 KiB are overwritten, and 4 KiB are appended. For every 500 files, one is removed and one is added.
 */
export const edit = (folder: string, seed: string): void => {
  const from = random(`${seed} edit`)
  const files = regularFiles(folder)
  for (let i = Math.max(1, Math.round(files.length / 50)); i > 0 && files.length > 0; i--) {
    const { path, size } = files.splice(from.int(files.length), 1)[0]!
    if (size < MIB) {
      const old = readFileSync(path)
      const at = from.int(size + 1)
      writeFileSync(
        path,
        Buffer.concat([old.subarray(0, at), Buffer.from(`\nedit ${from.next()}\n`), old.subarray(at)]),
      )
    } else {
      const file = openSync(path, "r+")
      try {
        for (let n = 0; n < 3; n++) writeSync(file, from.fill(new Uint8Array(4096)), 0, 4096, from.int(size - 4096))
        writeSync(file, from.fill(new Uint8Array(4096)), 0, 4096, size)
      } finally {
        closeSync(file)
      }
    }
  }
  for (let i = Math.floor(files.length / 500); i > 0; i--) {
    const { path } = files.splice(from.int(files.length), 1)[0]!
    rmSync(path)
    writeFileSync(join(dirname(path), `new-${from.next()}`), from.fill(new Uint8Array(from.int(8000))))
  }
}

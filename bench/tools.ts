/** The programs that are measured, and how each does each work. */
import { accessSync, constants } from "node:fs"
import { spawnSync } from "node:child_process"
import { delimiter, join, resolve } from "node:path"
import process from "node:process"
import type { Command } from "./measure.ts"

/**
 * What is done, in this order: a first backup; a second with nothing changed; a third when some files were edited; a restore of the third;
 * and a check that reads all data.
 */
export const WORKS = ["backup", "again", "edited", "restore", "check"] as const
export type Work = (typeof WORKS)[number]

/** Directories of one tool in one round; `home` is for keys, caches and settings. */
export interface Place {
  readonly source: string
  readonly repository: string
  readonly target: string
  readonly home: string
}

export interface Tool {
  readonly name: string
  readonly version: string
  /** A limit does less than a backup program: no deduplication, or not even encryption. */
  readonly kind: "penstock" | "peer" | "limit"
  /** Run before the first backup, not measured. */
  readonly prepare: (place: Place) => ReadonlyArray<Command>
  readonly works: { readonly [W in Work]?: (place: Place) => Command }
  /** Works that are done, so that the restore can be compared, but not reported. */
  readonly unreported?: ReadonlyArray<Work>
  /** Where content is in the repository; the rest is catalogs and indexes. */
  readonly contentFolder?: string
}

/** A tool that was asked for and cannot be run, and why. */
export interface Missing {
  readonly name: string
  readonly missing: string
}

const root = resolve(import.meta.dirname, "..")
const searched = [process.env["PENSTOCK_PEERS"], join(root, "node_modules/.bin"), process.env["PATH"]]

/** The program of that name in PENSTOCK_PEERS, node_modules or PATH. */
const find = (name: string): string | undefined =>
  searched.flatMap((paths) => paths?.split(delimiter) ?? []).map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** The first number with a point that a program prints. */
const versionOf = (program: string, ...args: ReadonlyArray<string>): string =>
  /\d+\.\d+[\w.+-]*/.exec(spawnSync(program, args, { encoding: "utf8" }).stdout ?? "")?.[0] ?? "unknown"

const PASSWORD = "correct horse"

/** Penstock from this checkout on a runtime. */
const penstock = (runtime: "node" | "deno" | "bun"): Tool | Missing => {
  const name = `penstock (${runtime})`
  const program = find(runtime)
  if (program === undefined) return { name, missing: `${runtime} is not found` }
  const start = runtime === "deno" ? ["run", "-A"] : []
  const penstock = (place: Place, command: string, ...args: ReadonlyArray<string>): Command => ({
    argv: [program, ...start, join(root, "cli/main.ts"), command, "-q", "-r", place.repository, ...args],
    env: { PENSTOCK_PASSWORD: PASSWORD, DENO_NO_UPDATE_CHECK: "1", NODE_NO_WARNINGS: "1" },
  })
  const backup = (place: Place): Command => penstock(place, "backup", place.source)
  return {
    name,
    version: `${versionOf(program, ...start, join(root, "cli/main.ts"), "version")} on ${
      versionOf(program, "--version")
    }`,
    kind: "penstock",
    prepare: (place) => [penstock(place, "init")],
    works: {
      backup,
      again: backup,
      edited: backup,
      restore: (place) => penstock(place, "restore", "--target", place.target),
      check: (place) => penstock(place, "check", "--read-data"),
    },
    contentFolder: "DATA",
  }
}

const restic = (program: string): Tool => {
  const restic = (place: Place, ...args: ReadonlyArray<string>): Command => ({
    argv: [program, "-q", "-r", place.repository, "--cache-dir", join(place.home, "cache"), ...args],
    env: { RESTIC_PASSWORD: PASSWORD },
    cwd: place.source,
  })
  const backup = (place: Place): Command => restic(place, "backup", ".")
  return {
    name: "restic",
    version: versionOf(program, "version"),
    kind: "peer",
    prepare: (place) => [restic(place, "init")],
    works: {
      backup,
      again: backup,
      edited: backup,
      restore: (place) => restic(place, "restore", "latest", "--target", place.target),
      check: (place) => restic(place, "check", "--read-data"),
    },
  }
}

/** borg 1: keyed BLAKE2b, zstd 3. */
const borg = (program: string): Tool | Missing => {
  const version = versionOf(program, "--version")
  if (!version.startsWith("1.")) {
    return { name: "borg", missing: `borg ${version} is found, but only borg 1 is known here` }
  }
  const borg = (place: Place, cwd: string, ...args: ReadonlyArray<string>): Command => ({
    argv: [program, ...args],
    env: { BORG_PASSPHRASE: PASSWORD, BORG_BASE_DIR: place.home, BORG_REPO: place.repository },
    cwd,
  })
  const create = (archive: string) => (place: Place): Command =>
    borg(place, place.source, "create", "--compression", "zstd,3", `::${archive}`, ".")
  return {
    name: "borg",
    version,
    kind: "peer",
    prepare: (place) => [borg(place, place.source, "init", "--encryption", "repokey-blake2")],
    works: {
      backup: create("first"),
      again: create("second"),
      edited: create("third"),
      restore: (place) => borg(place, place.target, "extract", "::third"),
      check: (place) => borg(place, place.source, "check", "--verify-data"),
    },
  }
}

const kopia = (program: string): Tool => {
  const kopia = (place: Place, ...args: ReadonlyArray<string>): Command => ({
    argv: [program, `--config-file=${join(place.home, "kopia.config")}`, "--no-progress", ...args],
    env: { KOPIA_PASSWORD: PASSWORD, KOPIA_CHECK_FOR_UPDATES: "false", HOME: place.home },
  })
  const backup = (place: Place): Command => kopia(place, "snapshot", "create", place.source)
  return {
    name: "kopia",
    version: versionOf(program, "--version"),
    kind: "peer",
    prepare: (place) => [
      kopia(
        place,
        "repository",
        "create",
        "filesystem",
        `--path=${place.repository}`,
        `--cache-directory=${join(place.home, "cache")}`,
      ),
      // Without this, kopia does not compress.
      kopia(place, "policy", "set", "--global", "--compression=zstd"),
    ],
    works: {
      backup,
      again: backup,
      edited: backup,
      restore: (place) => kopia(place, "restore", place.source, place.target),
      check: (place) => kopia(place, "snapshot", "verify", "--verify-files-percent=100"),
    },
  }
}

const rustic = (program: string): Tool => {
  const rustic = (place: Place, ...args: ReadonlyArray<string>): Command => ({
    argv: [program, "--no-progress", "-r", place.repository, "--cache-dir", join(place.home, "cache"), ...args],
    env: { RUSTIC_PASSWORD: PASSWORD, HOME: place.home },
  })
  const backup = (place: Place): Command => rustic(place, "backup", place.source)
  return {
    name: "rustic",
    version: versionOf(program, "--version"),
    kind: "peer",
    prepare: (place) => [rustic(place, "init")],
    works: {
      backup,
      again: backup,
      edited: backup,
      restore: (place) => rustic(place, "restore", `latest:${place.source}`, place.target),
      check: (place) => rustic(place, "check", "--read-data"),
    },
  }
}

const bupstash = (program: string): Tool => {
  const bupstash = (place: Place, command: string, ...args: ReadonlyArray<string>): Command => ({
    argv: [program, command, ...args],
    env: {
      BUPSTASH_KEY: join(place.home, "key"),
      BUPSTASH_REPOSITORY: place.repository,
      HOME: place.home,
      XDG_CACHE_HOME: join(place.home, "cache"),
    },
  })
  const put = (name: string) => (place: Place): Command =>
    bupstash(place, "put", "--send-log", join(place.home, "send-log"), `name=${name}`, "::", place.source)
  return {
    name: "bupstash",
    version: versionOf(program, "version"),
    kind: "peer",
    prepare: (place) => [bupstash(place, "new-key", "-o", join(place.home, "key")), bupstash(place, "init")],
    works: {
      backup: put("first"),
      again: put("second"),
      edited: put("third"),
      restore: (place) => bupstash(place, "restore", "--ownership", "--into", place.target, "name=third"),
    },
  }
}

const shell = (script: string, ...args: ReadonlyArray<string>): Command => ({
  argv: ["sh", "-ec", script, "sh", ...args],
})

/** One compressed and encrypted stream of everything: no deduplication, no way to read a single file. */
const tar = (tar: string, zstd: string, age: string, keygen: string): Tool => {
  const backup = (place: Place): Command =>
    shell(
      `mkdir -p "$3"; "${tar}" -C "$1" --format=posix -cf - . | "${zstd}" -q -3 -T0 | "${age}" -e -i "$2" > "$3/all"`,
      place.source,
      join(place.home, "key"),
      place.repository,
    )
  return {
    name: "tar|zstd|age",
    version: [versionOf(tar, "--version"), versionOf(zstd, "--version"), versionOf(age, "--version")].join(" | "),
    kind: "limit",
    prepare: (place) => [{ argv: [keygen, "-o", join(place.home, "key")] }],
    works: {
      backup,
      edited: backup,
      restore: (place) =>
        shell(
          `"${age}" -d -i "$2" "$3/all" | "${zstd}" -q -d | "${tar}" -C "$1" -xpf -`,
          place.target,
          join(place.home, "key"),
          place.repository,
        ),
    },
    unreported: ["edited"],
  }
}

const cp = (program: string): Tool => {
  const copy = (from: string, to: string): Command =>
    shell(`rm -rf "$2"; mkdir "$2"; "${program}" -a "$1/." "$2"`, from, to)
  return {
    name: "cp -a",
    version: versionOf(program, "--version"),
    kind: "limit",
    prepare: () => [],
    works: {
      backup: (place) => copy(place.source, place.repository),
      edited: (place) => copy(place.source, place.repository),
      restore: (place) => copy(place.repository, place.target),
    },
    unreported: ["edited"],
  }
}

const needing = (
  name: string,
  programs: ReadonlyArray<string>,
  make: (...found: ReadonlyArray<string>) => Tool | Missing,
): Tool | Missing => {
  const found = programs.map(find)
  const lost = programs.filter((_, i) => found[i] === undefined)
  return lost.length > 0 ? { name, missing: `${lost.join(", ")} not found` } : make(...found as Array<string>)
}

/** Penstock on each of the runtimes, by the names of the runtimes. */
export const penstocks = (runtimes: ReadonlyArray<string>): Array<Tool | Missing> =>
  runtimes.map((runtime) => {
    if (runtime !== "node" && runtime !== "deno" && runtime !== "bun") throw new Error(`${runtime} is not a runtime`)
    return penstock(runtime)
  })

/** The others, found or missing. */
export const peers = (): Array<Tool | Missing> => [
  needing("restic", ["restic"], (program) => restic(program!)),
  needing("borg", ["borg"], (program) => borg(program!)),
  needing("kopia", ["kopia"], (program) => kopia(program!)),
  needing("rustic", ["rustic"], (program) => rustic(program!)),
  needing("bupstash", ["bupstash"], (program) => bupstash(program!)),
  needing("tar|zstd|age", ["tar", "zstd", "age", "age-keygen"], (a, b, c, d) => tar(a!, b!, c!, d!)),
  needing("cp -a", ["cp"], (program) => cp(program!)),
]

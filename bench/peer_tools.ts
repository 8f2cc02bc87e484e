/** Other backup programs, and their commands for each work. */
import { join } from "node:path"
import { wholeFidelity } from "../stages/walk/fidelity.ts"
import type { Command } from "./measure.ts"
import { versionOf } from "./programs.ts"
import { type Missing, needing, PASSWORD, type Place, type Tool } from "./tool.ts"

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

/** borg 1 with keyed BLAKE2b and zstd 3. */
const borg = (program: string): Tool | Missing => {
  const version = versionOf(program, "--version")
  if (!version.startsWith("1.")) {
    return { name: "borg", missing: `borg ${version} was found, but borg 1 is needed` }
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
    // kopia gives a restored directory the time of the newest file beneath it.
    kept: { ...wholeFidelity, directoryMtimes: false },
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

/** All peers, found or missing. */
export const peers = (): Array<Tool | Missing> => [
  needing("restic", ["restic"], (program) => restic(program!)),
  needing("borg", ["borg"], (program) => borg(program!)),
  needing("kopia", ["kopia"], (program) => kopia(program!)),
  needing("rustic", ["rustic"], (program) => rustic(program!)),
  needing("bupstash", ["bupstash"], (program) => bupstash(program!)),
]

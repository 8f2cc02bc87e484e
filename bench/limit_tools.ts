/** Programs that are not backup programs: they show the least that any backup program could take. */
import { join } from "node:path"
import type { Command } from "./measure.ts"
import { versionOf } from "./programs.ts"
import { type Missing, needing, type Place, type Tool } from "./tool.ts"

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

/** All limits, found or missing. */
export const limits = (): Array<Tool | Missing> => [
  needing("tar|zstd|age", ["tar", "zstd", "age", "age-keygen"], (a, b, c, d) => tar(a!, b!, c!, d!)),
  needing("cp -a", ["cp"], (program) => cp(program!)),
]

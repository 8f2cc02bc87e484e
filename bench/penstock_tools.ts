/** The command of this checkout as npm installs it, by format and runtime. */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { generateIdentity, identityToRecipient } from "age-encryption"
import { wholeFidelity } from "../stages/walk/fidelity.ts"
import { builtInFormats, type FormatSource } from "../cli/repository/formats.ts"
import { sizeOf } from "./corpora.ts"
import type { Command } from "./measure.ts"
import { find, QUIET, root, type Runtime, startOf, versionOf } from "./programs.ts"
import { type Missing, PASSWORD, type Place, type Tool } from "./tool.ts"

/** The file that npm installs as `penstock`. */
const COMMAND = join(root, "dist/bin/main.js")

const SNAPSHOT_PARTLY_MADE = 3

/** Bytes of an archive without its index. The length of the index is in the 8 bytes before the last 8. */
const zprtContent = (path: string): number => {
  const file = openSync(path, "r")
  try {
    const { size } = fstatSync(file)
    const length = Buffer.alloc(8)
    readSync(file, length, 0, 8, size - 16)
    return size - 24 - Number(length.readBigUInt64LE())
  } finally {
    closeSync(file)
  }
}

/** The bytes of content in a repository, by format. FogSync has the same blocks for directories and for files. */
const contentOf: Readonly<Record<string, (place: Place) => number>> = {
  rozen: ({ repository }) => sizeOf(join(repository, "DATA")),
  zprt: (place) => zprtContent(locationOf("zprt", place)),
  bkp: ({ repository }) => sizeOf(join(repository, "blocks")),
  "snapshot-catalog": ({ repository }) => sizeOf(join(repository, "extents")),
}

const sourceOf = (format: string): FormatSource => {
  const source = builtInFormats.find(({ name }) => name === format)
  if (source === undefined) {
    throw new Error(`${format} is not one of ${builtInFormats.map(({ name }) => name).join(", ")}`)
  }
  return source
}

const locationOf = (format: string, { repository }: Place): string => {
  const { file } = sourceOf(format)
  return file === undefined ? repository : join(repository, file)
}

const penstock = async (runtime: Runtime, format: string): Promise<Tool | Missing> => {
  const source = sourceOf(format)
  const name = format === builtInFormats[0]!.name ? `penstock (${runtime})` : `penstock ${format} (${runtime})`
  const program = find(runtime)
  if (program === undefined) return { name, missing: `${runtime} was not found` }
  if (!existsSync(COMMAND)) return { name, missing: "the command is not built: npm run build" }
  const { fidelity } = await source.load()
  const start = [program, ...startOf(runtime), COMMAND] as const
  const [age, keyFile] = [source.secrets.includes("age"), source.secrets.includes("key-file")]
  const identity = (place: Place): string => join(place.home, "identity")
  const recipients = new Map<string, string>()

  const penstock = (place: Place, command: string, ...args: ReadonlyArray<string>): Command => ({
    argv: [...start, command, "-q", "-r", locationOf(format, place), ...args],
    env: {
      ...QUIET,
      PENSTOCK_CACHE_DIR: join(place.home, "cache"),
      XDG_STATE_HOME: join(place.home, "state"),
      ...(age
        ? {
          PENSTOCK_RECIPIENTS: recipients.get(place.home) ?? "",
          PENSTOCK_IDENTITY_FILE: identity(place),
        }
        : keyFile
        ? { PENSTOCK_KEY_FILE: join(place.home, "key") }
        : source.secrets.length > 0
        ? { PENSTOCK_PASSWORD: PASSWORD }
        : {}),
    },
  })
  const backup = (place: Place): Command => ({
    ...penstock(place, "backup", place.source),
    // The command reports entries that the format cannot keep, and makes the snapshot without them.
    ...(fidelity.kinds.length < wholeFidelity.kinds.length ? { accepted: [SNAPSHOT_PARTLY_MADE] } : {}),
  })
  const content = contentOf[format]
  return {
    name,
    version: `${versionOf(start[0], ...start.slice(1), "version")} on ${versionOf(program, "--version")}`,
    kind: "penstock",
    setUp: async (place) => {
      if (source.file !== undefined) mkdirSync(place.repository)
      if (keyFile) writeFileSync(join(place.home, "key"), "5e".repeat(32))
      if (!age) return
      const secret = await generateIdentity()
      writeFileSync(identity(place), `${secret}\n`)
      recipients.set(place.home, await identityToRecipient(secret))
    },
    prepare: (place) => [penstock(place, "init", "--format", format)],
    works: {
      backup,
      again: backup,
      edited: backup,
      restore: (place) => penstock(place, "restore", "--target", place.target),
      check: (place) => penstock(place, "check", "--read-data"),
    },
    ...(content === undefined ? {} : { content }),
    kept: fidelity,
  }
}

/** Every format on every runtime. The first format and the first runtime come first. */
export const penstocks = (
  runtimes: ReadonlyArray<Runtime>,
  formats: ReadonlyArray<string>,
): Promise<Array<Tool | Missing>> =>
  Promise.all(formats.flatMap((format) => runtimes.map((runtime) => penstock(runtime, format))))

/** `penstock key`: lists, adds, removes and replaces the keys of a repository. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Format } from "../formats/format.ts"
import type { KeyInfo, KeyList, NewSecret, RepositoryKeys } from "../formats/keys.ts"
import { displayPath } from "../stages/walk/path.ts"
import type { CommonInput, NewSecretInput } from "./arguments/inputs.ts"
import { makeOutput, type Output } from "./output/output.ts"
import type { Row } from "./output/row.ts"
import { plural, showTime } from "./output/show.ts"
import { makeTraffic, type Traffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { Formats } from "./repository/formats.ts"
import { type OpenHow, type OpenRepository, withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { newSecret } from "./secrets/new_secret.ts"
import { readPaper } from "./secrets/paper.ts"
import { ownNames } from "./secrets/password.ts"
import { givenSecrets } from "./secrets/secrets.ts"

export type KeyAddInput = CommonInput & NewSecretInput
export interface KeyRemoveInput extends CommonInput {
  /** The start of the ID of a key. */
  readonly id: string
}
export interface KeyImportInput extends KeyAddInput {
  readonly paperKeyFile: string | undefined
}

/** What the work with keys needs. */
interface Context {
  readonly keys: RepositoryKeys
  readonly open: OpenRepository
  readonly out: Output
  readonly traffic: Traffic
}

/** What no change of keys undoes. */
const NOT_UNDONE =
  "This does not shut out whoever has the old secret and a copy of the old key object: the repository has the same " +
  "master key. If the secret is in wrong hands, convert the snapshots into a new repository"

const PAPER_WARNING =
  "Whoever has this text and the storage can read and change everything, and changing passwords does not help. " +
  "Print it, keep it in a safe place, and leave no copy on a machine"

/** Opens the repository, and runs something with its keys. Fails with {@link UsageError} if the format has none. */
const withKeys = (
  input: CommonInput,
  use: (context: Context) => Effect.Effect<number, OpenError>,
  how: Pick<OpenHow, "secrets"> = {},
): Effect.Effect<number, OpenError> => {
  const out = makeOutput(input)
  const traffic = makeTraffic()
  return withRepository(input, "open", { ...how, traffic, admit: admitKeys }, (repository, open) => {
    const { keys } = repository
    return keys === undefined ? Effect.fail(noKeys(open.format)) : use({ keys, open, out, traffic })
  })
}

const noKeys = ({ name }: Format, instead?: string): UsageError =>
  new UsageError({
    message: `A repository of the format ${name} has no keys to manage${instead ? `: ${instead}` : ""}`,
  })

/** Refuses formats of one secret before a repository is opened. */
const admitKeys = (format: Format): Effect.Effect<void, UsageError> =>
  Effect.flatMap(Formats, (sources) => {
    const instead = sources.find(({ name }) => name === format.name)?.insteadOfKeys
    return instead === undefined ? Effect.void : Effect.fail(noKeys(format, instead))
  })

/** Runs `key list`. Returns the exit code: 1 if a key is damaged. */
export const list = (input: CommonInput): Effect.Effect<number, OpenError> =>
  withKeys(input, ({ keys: all, out, traffic }) =>
    Effect.map(all.list, ({ damaged, keys }) => {
      for (const key of keys) out.row(keyRow(key))
      for (const { message, object } of damaged) out.row({ type: "finding", object, message })
      for (const line of table(keys)) out.line(line)
      for (const { message } of damaged) out.warn(message)
      out.note(plural(keys.length, "key"))
      out.row({ type: "summary", keys: keys.length, damaged: damaged.length, ...trafficMembers(traffic) })
      return damaged.length === 0 ? EXIT_OK : EXIT_FAILURE
    }))

/** Runs `key add`. */
export const add: (input: KeyAddInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const secret = yield* newSecret(input)
  return yield* withKeys(input, addTo(input, secret))
})

/** Adds a key to a repository that is open. */
const addTo = ({ name }: KeyAddInput, secret: Effect.Effect<NewSecret, UsageError>) =>
  Effect.fnUntraced(function* ({ keys, out, traffic }: Context): Effect.fn.Return<number, OpenError> {
    const key = yield* keys.add(yield* secret, name === undefined ? {} : { name })
    out.note(`Added the key ${describe(key)}`)
    out.row({ ...keyRow(key), type: "summary", ...trafficMembers(traffic) })
    return EXIT_OK
  })

/** Runs `key remove`. */
export const remove = (input: KeyRemoveInput): Effect.Effect<number, OpenError> =>
  withKeys(
    input,
    Effect.fnUntraced(function* ({ keys, out, traffic }) {
      const id = yield* idOf(input.id, yield* keys.list)
      yield* keys.remove(id)
      out.note(`Removed the key ${id}`)
      out.remark(NOT_UNDONE)
      out.row({ type: "summary", removed: id, ...trafficMembers(traffic) })
      return EXIT_OK
    }),
  )

/** The ID that begins so, also that of a damaged key. */
const idOf = (
  start: string,
  { damaged, keys }: KeyList,
): Effect.Effect<string, UsageError> => {
  const ids = [
    ...keys.map(({ id }) => id),
    ...damaged.map(({ object }) => /[0-9a-f]{16}/.exec(object ?? "")?.[0] ?? ""),
  ]
  const [found, another] = ids.filter((id) => id !== "" && id.startsWith(start.toLowerCase()))
  if (found !== undefined && another === undefined) return Effect.succeed(found)
  return Effect.fail(
    new UsageError({
      message: found === undefined
        ? `No key begins with ${displayPath(start)}: penstock key list shows them all`
        : `Several keys begin with ${start}: give more digits`,
    }),
  )
}

/** Runs `key passwd`. */
export const passwd: (input: KeyAddInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const secret = yield* newSecret(input)
  return yield* withKeys(
    input,
    Effect.fnUntraced(function* ({ keys, out, traffic }) {
      const { name } = input
      const { added, removed } = yield* keys.replace(yield* secret, name === undefined ? {} : { name })
      out.note(`The key ${describe(added)} replaces ${removed.id}`)
      out.remark(NOT_UNDONE)
      out.row({ ...keyRow(added), type: "summary", removed: removed.id, ...trafficMembers(traffic) })
      return EXIT_OK
    }),
  )
})

/** Runs `key export`. */
export const exportPaper = (input: CommonInput): Effect.Effect<number, OpenError> =>
  withKeys(
    input,
    Effect.fnUntraced(function* ({ keys, open, out, traffic }) {
      const paper = Redacted.value(yield* keys.export)
      const { id } = open.repository
      out.warn(PAPER_WARNING)
      out.line(`# Paper key of the repository ${id} (rozen)`)
      for (const line of paper.split("\n")) out.line(line)
      out.row({ type: "summary", repository: id, paperKey: paper, ...trafficMembers(traffic) })
      return EXIT_OK
    }),
  )

/** Runs `key import`. */
export const importPaper: (input: KeyImportInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(
  function* (input) {
    const secret = yield* newSecret(input)
    const [given] = (yield* givenSecrets(input, ownNames)).by.values()
    if (given !== undefined) {
      return yield* new UsageError({
        message: `${given} is given, but key import opens the repository with the paper key: leave ${given} out; ` +
          "the secret of the new key has its own options and variables (see penstock key import --help)",
      })
    }
    const secrets = Effect.map(readPaper(input.paperKeyFile), (paper) => ({ paper }))
    return yield* withKeys(input, addTo(input, secret), { secrets })
  },
)

const describe = ({ id, kind, name }: KeyInfo): string =>
  `${id} (${displayPath(kind)}${name === "" ? "" : `, ${displayPath(name)}`})`

/** A key as a row of `--json`. Its time is what the storage says, and may be none. */
const keyRow = ({ created, ...key }: KeyInfo): Row => ({
  type: "key",
  ...key,
  ...(Number.isNaN(new Date(created).getTime()) ? {} : { created: new Date(created).toISOString() }),
})

const table = (keys: ReadonlyArray<KeyInfo>): ReadonlyArray<string> => {
  const rows = [
    ["ID", "In use", "Role", "Kind", "Created", "By", "Name"],
    ...keys.map(({ by, created, id, inUse, kind, name, recipient, role }) => [
      id,
      inUse ? "yes" : "",
      displayPath(role),
      displayPath(kind),
      showTime(created),
      displayPath(by),
      [name, ...recipient === undefined ? [] : [shortRecipient(recipient)]].filter((text) => text !== "")
        .map(displayPath).join(", "),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
}

/** A post-quantum recipient has some 2000 characters. */
const shortRecipient = (recipient: string): string => recipient.length <= 64 ? recipient : `${recipient.slice(0, 64)}…`

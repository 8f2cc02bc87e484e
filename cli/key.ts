/** `penstock key`: lists, adds, removes and replaces the keys of a repository. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Format } from "../formats/format.ts"
import type { KeyInfo, KeyList, KeyRole, NewSecret, RepositoryKeys } from "../formats/keys.ts"
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

export interface KeyAddInput extends CommonInput, NewSecretInput {
  readonly role: KeyRole | undefined
}
export type KeyPasswdInput = CommonInput & NewSecretInput
export interface KeyRemoveInput extends CommonInput {
  /** The start of the ID of a key. */
  readonly id: string
}
export interface KeyImportInput extends CommonInput, NewSecretInput {
  readonly paperKeyFile: string | undefined
}

/** What the work with keys needs. */
interface Context {
  readonly keys: RepositoryKeys
  readonly open: OpenRepository
  readonly out: Output
  readonly traffic: Traffic
}

/** What a new secret does not undo. */
const SAME_KEY =
  "This does not shut out whoever has the old secret and a copy of KEYS/ from before: the key is the same. If the " +
  "old secret is in wrong hands, add a new key, remove this one, and run penstock key rotate"

/** What the removal of a key does not undo. */
const NOT_UNDONE =
  "Whoever has its secret and a copy of KEYS/ from before can still open all that is there, and what is added until " +
  "the keys are rotated: run penstock key rotate. Even then, what they could read before stays readable to them"

/** What a rotation does not undo. */
const STAYS_READABLE =
  "What was backed up until now stays readable to everybody who could read it. Whoever was an owner, and can write " +
  "to the storage, can still add to what was there. If an owner was shut out, remove the keys that this owner made " +
  "for others as well, add new ones, and rotate again: whoever makes a key can keep a copy of it. Print the paper " +
  "key again: the old one does not open what comes now"

const NO_WRITERS_YET =
  "The key can be listed and removed; backup with a writer's key comes with a later version: use an owner's until then"

const PAPER_WARNING =
  "Whoever has this text and the storage can read and change everything, and changing passwords does not help. " +
  "Print it, keep it in a safe place, and leave no copy on a machine"

const TOO_LONG_FOR_QR = "After so many rotations, the paper key is too long for a QR code: keep the text"

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
      const ended = keys.filter((key) => key.ended !== undefined).length
      out.note(
        `${plural(keys.length - ended, "key")}${
          ended === 0 ? "" : `, and ${ended} that ${ended === 1 ? "was" : "were"} removed`
        }`,
      )
      out.row({
        type: "summary",
        keys: keys.length - ended,
        ended,
        damaged: damaged.length,
        ...trafficMembers(traffic),
      })
      return damaged.length === 0 ? EXIT_OK : EXIT_FAILURE
    }))

/** Runs `key add`. */
export const add: (input: KeyAddInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const secret = yield* newSecret(input)
  return yield* withKeys(input, addTo(input, secret))
})

/** Adds a key to a repository that is open. */
const addTo = (
  { name, role }: NewSecretInput & { readonly role?: KeyRole | undefined },
  secret: Effect.Effect<NewSecret, UsageError>,
) =>
  Effect.fnUntraced(function* ({ keys, out, traffic }: Context): Effect.fn.Return<number, OpenError> {
    const key = yield* keys.add(yield* secret, {
      ...name === undefined ? {} : { name },
      ...role === undefined ? {} : { role },
    })
    out.note(`Added the key ${describe(key)}`)
    if (role === "writer") out.remark(NO_WRITERS_YET)
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
export const passwd: (input: KeyPasswdInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const secret = yield* newSecret(input)
  return yield* withKeys(
    input,
    Effect.fnUntraced(function* ({ keys, out, traffic }) {
      const { name } = input
      const key = yield* keys.replace(yield* secret, name === undefined ? {} : { name })
      out.note(`The key ${describe(key)} has a new secret`)
      out.remark(SAME_KEY)
      out.row({ ...keyRow(key), type: "summary", ...trafficMembers(traffic) })
      return EXIT_OK
    }),
  )
})

/** A paper key as a scanner of its QR code gives it: without blanks, line ends and numbers of groups. */
const scanned = (paper: string): string => paper.replace(/\d+:/g, "").replace(/\s+/g, "")

/** Runs `key export`: prints the paper key, and the same as a QR code where that has room for it. */
export const exportPaper = (input: CommonInput): Effect.Effect<number, OpenError> =>
  withKeys(
    input,
    Effect.fnUntraced(function* ({ keys, open, out, traffic }) {
      const paper = Redacted.value(yield* keys.export)
      const { id } = open.repository
      out.warn(PAPER_WARNING)
      out.line(`# Paper key of the repository ${id} (rozen)`)
      for (const line of paper.split("\n")) out.line(line)
      // Commented out, so that what was printed into a file can be given to `key import` as it is.
      const { qrLines } = yield* Effect.promise(() => import("./output/qr_code.ts"))
      const code = qrLines(scanned(paper))
      for (const line of code ?? []) out.line(`# ${line}`.trimEnd())
      if (code === undefined) out.remark(TOO_LONG_FOR_QR)
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

/** Runs `key rotate`. */
export const rotate = (input: CommonInput): Effect.Effect<number, OpenError> =>
  withKeys(
    input,
    Effect.fnUntraced(function* ({ keys: all, open, out, traffic }) {
      const { epoch, keys } = yield* all.rotate
      yield* open.rememberEpoch(epoch)
      for (const key of keys) out.row(keyRow(key))
      for (const line of table(keys)) out.line(line)
      const these = keys.length === 1 ? "this key opens" : `these ${keys.length} keys open`
      out.note(`Rotated: ${these} what is backed up from now on (epoch ${epoch})`)
      out.remark(STAYS_READABLE)
      out.row({ type: "summary", epoch, keys: keys.length, ...trafficMembers(traffic) })
      return EXIT_OK
    }),
  )

const describe = ({ id, kind, name, role }: KeyInfo): string =>
  `${id} (${displayPath(role)}, ${displayPath(kind)}${name === "" ? "" : `, ${displayPath(name)}`})`

/** A key as a row of `--json`. Its time is what the storage says, and may be none. */
export const keyRow = ({ created, ended, ...key }: KeyInfo): Row => ({
  type: "key",
  ...key,
  ...timeMember("created", created),
  ...timeMember("ended", ended),
})

const timeMember = (name: string, time: number | undefined): Readonly<Record<string, string>> =>
  time === undefined || Number.isNaN(new Date(time).getTime()) ? {} : { [name]: new Date(time).toISOString() }

const table = (keys: ReadonlyArray<KeyInfo>): ReadonlyArray<string> => {
  const rows = [
    ["ID", "In use", "Role", "Kind", "Created", "By", "Epoch", "Ended", "Name"],
    ...keys.map(({ by, created, ended, epoch, id, inUse, kind, name, recipient, role }) => [
      id,
      inUse ? "yes" : "",
      displayPath(role),
      displayPath(kind),
      showTime(created),
      displayPath(by),
      String(epoch),
      ended === undefined ? "" : showTime(ended),
      [name, ...recipient === undefined ? [] : [shortRecipient(recipient)]].filter((text) => text !== "")
        .map(displayPath).join(", "),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
}

/** A post-quantum recipient has some 2000 characters. */
const shortRecipient = (recipient: string): string => recipient.length <= 64 ? recipient : `${recipient.slice(0, 64)}…`

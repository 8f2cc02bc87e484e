/** Objects as files on an SFTP server, by the package `ssh2`, on Node, Deno and Bun. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ObjectStore, StoreError, type StoreGuarantees } from "../../../stages/store/store.ts"
import { withDirectory, withName } from "../../../stages/store/with_name.ts"
import { parentOf } from "../local/known_directories.ts"
import { fileWrites, type Operate, runFiles } from "../local/file_operations.ts"
import type { Temporary } from "../local/temporary.ts"
import { connect } from "./connection.ts"
import { canSync, hasDirectory, makeAll, makeDirectories, syncDirectory } from "./directories.ts"
import { type Link, makeLink } from "./link.ts"
import { listFiles } from "./list_files.ts"
import { describeLocation, parseLocation, type SftpLocation } from "./location.ts"
import type { SftpStoreOptions } from "./options.ts"
import { readFile, statFile } from "./read_file.ts"
import { serverOf } from "./server.ts"
import { NO_SUCH_FILE, PERMISSION_DENIED, type Session, sftpStatusOf } from "./session.ts"
import { loadSsh2 } from "./ssh2.ts"
import { sftpError } from "./sftp_error.ts"
import { openTemporary, type Place, removeStale } from "./temporary.ts"

export type { SftpStoreOptions } from "./options.ts"

/**
 * The properties of every such store. If a server syncs neither files nor directories, the open store says that it is
 * not durable. Eight operations at once hide the five or six round trips of a write.
 */
export const sftpGuarantees: StoreGuarantees = {
  connections: 8,
  atomicCreate: true,
  durable: true,
  remote: true,
  appends: true,
}

const makeStore = (link: Link, place: Place): ObjectStore => {
  const { root, location, syncs } = place
  const operateFile: Operate = (doing, name, work) =>
    withName(name, () => runFiles((cause) => sftpError({ doing, name, location }, cause), work))
  const operate = <A>(doing: string, name: string, work: (session: Session) => Promise<A>) =>
    operateFile(doing, name, async () => work((await link.connection()).session))
  // A writer stays with the connection on which it was started.
  const openTemporaryFor = async (name: string): Promise<Temporary> =>
    openTemporary((await link.connection()).session, place, name)
  const writesOf = (name: string) => fileWrites(operateFile, () => openTemporaryFor(name))
  const objectsIn = async function* (directory: string) {
    yield* listFiles((await link.connection()).session, root, directory, location)
  }

  return {
    properties: { ...sftpGuarantees, location, durable: syncs },
    put: (name, parts, options) => writesOf(name).put(name, parts, options),
    create: (name, options) => writesOf(name).create(name, options),
    get: (name, part) => operate("read", name, (session) => readFile(session, root, location, name, part)),
    stat: (name) => operate("read", name, (session) => statFile(session, root, location, name)),
    list: (directory) =>
      withDirectory(directory, () =>
        Stream.fromAsyncIterable(
          objectsIn(directory),
          (cause) => sftpError({ doing: "list", name: directory, location }, cause),
        ).pipe(Stream.flattenIterable)),
    remove: (name) =>
      operate("remove", name, async (session) => {
        try {
          await statFile(session, root, location, name)
          await session.remove(`${root}/${name}`)
        } catch (cause) {
          if (sftpStatusOf(cause) === NO_SUCH_FILE) return
          if (cause instanceof StoreError && cause.reason === "not-found") return
          throw cause
        }
        if (syncs) await syncDirectory(session, parentOf(`${root}/${name}`))
      }),
  }
}

const openRoot = async (
  link: Link,
  { path, ...server }: SftpLocation,
  create: boolean,
  now: number,
): Promise<ObjectStore> => {
  const location = describeLocation({ ...server, path })
  const { session } = await link.connection()
  if (create) {
    await makeAll(session, path).catch((cause) => {
      if (sftpStatusOf(cause) !== PERMISSION_DENIED) throw cause
      throw new StoreError({
        reason: "denied",
        object: "",
        message: `Cannot make ${location}: permission denied on the server${homeHint(path)}`,
        cause,
      })
    })
  }
  if (!await hasDirectory(session, path)) {
    throw new StoreError({
      reason: "not-found",
      object: "",
      message: `There is no directory ${location}${homeHint(path)}`,
    })
  }
  // Absolute, so that it does not depend on where the server starts.
  const root = (await session.realpath(path)).replace(/(?<=.)\/+$/, "")
  const [syncs] = await Promise.all([canSync(session, root), removeStale(session, root, now)])
  return makeStore(link, { root, location, syncs, directories: makeDirectories(root, syncs) })
}

const homeHint = (path: string): string =>
  path.startsWith("/") ? "; a path in the home directory is written sftp://host/~/path" : ""

const make = (
  location: string,
  options: SftpStoreOptions = {},
): Effect.Effect<ObjectStore, StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const parsed = parseLocation(location)
    if (parsed instanceof StoreError) return yield* parsed
    const name = describeLocation(parsed)
    const link = yield* Effect.acquireRelease(
      runFiles((cause) => sftpError({ doing: "open", name: "", location: name }, cause), async () => {
        const server = serverOf(parsed, options)
        const ssh2 = await loadSsh2()
        return makeLink((onLost) => connect(ssh2, server, onLost))
      }),
      (link) => Effect.promise(link.end),
    )
    const now = yield* Clock.currentTimeMillis
    return yield* runFiles(
      (cause) => sftpError({ doing: "open", name: "", location: name }, cause),
      () => openRoot(link, parsed, options.create ?? false, now),
    )
  })

/**
 * A store in a directory on an SFTP server.
 *
 * - The location is `sftp://user@host:port/absolute/path`, `sftp://user@host/~/path/in/home`, or `sftp:user@host:path`
 *   as scp and restic write it. `?identity=FILE` names a private key, `?known-hosts=FILE` the file with the keys of
 *   hosts. A location with a password is refused.
 * - Of `~/.ssh/config` it follows `HostName`, `User`, `Port`, `IdentityFile`, `UserKnownHostsFile` and `Include`. It
 *   skips `Match` blocks, and refuses a host that is reached by a proxy.
 * - The key of the host must be in a known-hosts file. It is never added there.
 * - It logs in with the named keys, the agent, the usual keys in `~/.ssh`, or the password, in this order.
 * - A write goes to a new file in `tmp/` of the store, which is synced if the server has `fsync@openssh.com`. It then
 *   gets its name by a hard link (create-only; `publish.ts` describes servers without) or by a rename (replace), and
 *   the directory is synced if the server can. So readers see the whole object or nothing. `properties.durable` says
 *   whether that also holds after a crash.
 * - A failed operation removes its temporary file if the connection holds. Opening the store removes temporary files
 *   that were last written more than 24 hours ago.
 * - Files have mode 0600 and directories 0700, less the umask. A directory is made with the first object in it, and
 *   stays.
 * - All operations share one connection. When it breaks, the operations under way fail with `unavailable`, and the next
 *   one connects again. A server that does not answer is given up after 30 to 40 seconds.
 *
 * @example A location with a password is refused, and not repeated
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { sftpStore } from "@penstock/penstock/adapters"
 *
 * const open = Effect.scoped(sftpStore.make("sftp://me:secret@host.example/backups"))
 * const error = await Effect.runPromise(Effect.flip(open))
 * assert.equal(error.reason, "invalid")
 * assert(!error.message.includes("secret"))
 * ```
 */
export const sftpStore: {
  /**
   * Opens a directory. Fails with `not-found` if it does not exist and `create` is not set, and with `denied` if the
   * server refuses the login.
   */
  readonly make: (
    location: string,
    options?: SftpStoreOptions,
  ) => Effect.Effect<ObjectStore, StoreError, Scope.Scope>
  /** The same as a layer. */
  readonly layer: (location: string, options?: SftpStoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (location, options) => Layer.effect(ObjectStore, make(location, options)),
}

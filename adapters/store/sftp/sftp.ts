/** Objects as files on an SFTP server, by the package `ssh2`, on Node, Deno and Bun. */
import { homedir } from "node:os"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ObjectStore, StoreError, type StoreGuarantees } from "../../../stages/store/store.ts"
import { variable } from "../../runtime/variable.ts"
import { userName } from "../../runtime/user_name.ts"
import { fileWrites, type Operate, runFiles } from "../local/file_operations.ts"
import type { Temporary } from "../local/temporary.ts"
import { directoryError, nameError } from "../../../stages/store/name.ts"
import { connect, type Link, makeLink, type Server } from "./connection.ts"
import { canSync, isDirectory, makeAll, makeDirectories, parentOf, syncDirectory } from "./directories.ts"
import { describeLocation, parseLocation, type SftpLocation } from "./location.ts"
import { listFiles, readFile, statFile } from "./read_file.ts"
import { NO_SUCH_FILE, PERMISSION_DENIED, type Session, statusOf } from "./session.ts"
import { expandHome, readConfig } from "./ssh_config.ts"
import { loadSsh2 } from "./ssh2.ts"
import { statusError } from "./status_error.ts"
import { openTemporary, type Place, removeStale } from "./temporary.ts"

/** How to open a directory on an SFTP server as a store. What is absent is as for `ssh`. */
export interface SftpStoreOptions {
  /** Make the directory, and what is missing above it, when it is not there. Otherwise its absence is an error. */
  readonly create?: boolean
  /** Password of the user on the server; `PENSTOCK_SFTP_PASSWORD` by default. */
  readonly password?: Redacted.Redacted<string>
  /** Passphrase of encrypted private keys; `PENSTOCK_SFTP_PASSPHRASE` by default. */
  readonly passphrase?: Redacted.Redacted<string>
  /** Socket of an agent; `SSH_AUTH_SOCK` by default. `""` for none. */
  readonly agent?: string
  /** The configuration of ssh, `~/.ssh/config` by default. */
  readonly config?: string
}

/** Operations that are worth having under way at once, to hide the five or six round trips of a write. */
const CONNECTIONS = 8

/** What it can do. A server that syncs neither files nor directories is not durable: then its properties say so. */
export const sftpGuarantees: StoreGuarantees = {
  connections: CONNECTIONS,
  atomicCreate: true,
  durable: true,
  remote: true,
  appends: true,
}

const fromVariable = (name: string): Redacted.Redacted<string> | undefined => {
  const value = variable(name)
  return value ? Redacted.make(value) : undefined
}

const ownName = (): string => {
  const name = userName()
  if (!/^\d*$/.test(name)) return name
  throw new StoreError({
    reason: "invalid",
    object: "",
    message: "The SFTP location names no user, and the name of yours is not known here: write sftp://user@host/path",
  })
}

/**
 * Whom to connect to: what the location says, then the configuration, then what is usual. Throws a {@link StoreError}.
 */
const serverOf = (location: SftpLocation, options: SftpStoreOptions): Server => {
  const file = options.config ?? join(homedir(), ".ssh", "config")
  const config = readConfig(file, location.host)
  if (config.unsupported !== undefined) {
    throw new StoreError({
      reason: "invalid",
      object: "",
      message:
        `${file} reaches ${location.host} by ${config.unsupported}, which is not supported: forward a port with ssh -L, and name that port`,
    })
  }
  const password = options.password ?? fromVariable("PENSTOCK_SFTP_PASSWORD")
  const passphrase = options.passphrase ?? fromVariable("PENSTOCK_SFTP_PASSPHRASE")
  const agent = options.agent ?? variable("SSH_AUTH_SOCK") ?? ""
  return {
    host: config.hostName ?? location.host,
    port: location.port ?? config.port ?? 22,
    user: location.user ?? config.user ?? ownName(),
    knownHosts: location.knownHosts !== undefined ? [expandHome(location.knownHosts)] : [
      ...(config.knownHostsFiles ?? ["known_hosts", "known_hosts2"].map((name) => join(homedir(), ".ssh", name))),
      "/etc/ssh/ssh_known_hosts",
    ],
    credentials: {
      identities: location.identity === undefined ? config.identityFiles : [expandHome(location.identity)],
      required: location.identity !== undefined,
      ...(agent === "" ? {} : { agent }),
      ...(password === undefined ? {} : { password }),
      ...(passphrase === undefined ? {} : { passphrase }),
    },
  }
}

const store = (link: Link, place: Place): ObjectStore => {
  const { root, location, syncs } = place
  // A writer stays with the connection that it was opened on.
  const operateFile: Operate = (doing, name, work) =>
    Effect.suspend(() => {
      const error = nameError(name)
      return error ? Effect.fail(error) : runFiles((cause) => statusError(doing, name, location, cause), work)
    })
  const operate = <A>(doing: string, name: string, work: (session: Session) => Promise<A>) =>
    operateFile(doing, name, async () => work((await link.connection()).session))
  const writesOf = (name: string) =>
    fileWrites(
      operateFile,
      async (): Promise<Temporary> => openTemporary((await link.connection()).session, place, name),
    )

  return {
    properties: { ...sftpGuarantees, location, durable: syncs },
    put: (name, parts, options) => writesOf(name).put(name, parts, options),
    create: (name, options) => writesOf(name).create(name, options),
    get: (name, part) => operate("read", name, (session) => readFile(session, root, location, name, part)),
    stat: (name) => operate("read", name, (session) => statFile(session, root, location, name)),
    list: (directory) =>
      Stream.suspend(() => {
        const error = directoryError(directory)
        const objects = async function* () {
          yield* listFiles((await link.connection()).session, root, directory, location)
        }
        return error
          ? Stream.fail(error)
          : Stream.fromAsyncIterable(objects(), (cause) => statusError("list", directory, location, cause))
            .pipe(Stream.flattenIterable)
      }),
    remove: (name) =>
      operate("remove", name, async (session) => {
        try {
          await statFile(session, root, location, name)
          await session.remove(`${root}/${name}`)
        } catch (cause) {
          if (statusOf(cause) === NO_SUCH_FILE || (cause instanceof StoreError && cause.reason === "not-found")) return
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
      if (statusOf(cause) !== PERMISSION_DENIED) throw cause
      throw new StoreError({
        reason: "denied",
        object: "",
        message: `Cannot make ${location}: permission denied on the server${homeHint(path)}`,
        cause,
      })
    })
  }
  if (!await isDirectory(session, path)) {
    throw new StoreError({
      reason: "not-found",
      object: "",
      message: `There is no directory ${location}${homeHint(path)}`,
    })
  }
  // Absolute, whatever the server does with what is relative.
  const root = (await session.realpath(path)).replace(/(?<=.)\/+$/, "")
  const [syncs] = await Promise.all([canSync(session, root), removeStale(session, root, now)])
  return store(link, { root, location, syncs, directories: makeDirectories(root, syncs) })
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
      runFiles((cause) => statusError("open", "", name, cause), async () => {
        const server = serverOf(parsed, options)
        const ssh2 = await loadSsh2()
        return makeLink((onLost) => connect(ssh2, server, onLost))
      }),
      (link) => Effect.promise(link.end),
    )
    const now = yield* Clock.currentTimeMillis
    return yield* runFiles(
      (cause) => statusError("open", "", name, cause),
      () => openRoot(link, parsed, options.create ?? false, now),
    )
  })

/**
 * A store in a directory on an SFTP server.
 *
 * - The location is `sftp://user@host:port/absolute/path`, `sftp://user@host/~/path/in/home`, or `sftp:user@host:path`
 *   as scp and restic write it. `?identity=FILE` names a private key, `?known-hosts=FILE` the file with the keys of
 *   hosts. A password in it is refused.
 * - `HostName`, `User`, `Port`, `IdentityFile`, `UserKnownHostsFile` and `Include` of `~/.ssh/config` count; `Match`
 *   blocks do not. A host that is to be reached by a proxy is refused.
 * - The key of the host must be in a known-hosts file. It is never added there.
 * - Logs in with the named keys, the agent, the usual keys in `~/.ssh`, the password, in this order.
 * - A write goes to a new file in `tmp/` of the store and is synced where the server has `fsync@openssh.com`, then gets
 *   its name by a hard link (create-only; see `temporary.ts` for servers without) or a rename (replace), and the
 *   directory is synced where the server can. So an object is there whole or not at all, and `properties` say whether
 *   also after a crash.
 * - A failed operation removes its temporary file, when the connection holds. Opening the store removes temporary files
 *   that were last written more than 24 hours ago.
 * - Files have mode 0600, directories 0700, less the umask. Directories are made when the first object in them is, and
 *   stay.
 * - All operations share one connection. When it breaks, those under way fail with `unavailable`, and the next one
 *   connects again. A server that does not answer is given up after 30 to 40 seconds.
 */
export const sftpStore: {
  /**
   * Opens a directory. Fails with `not-found` when it is not there and `create` is not given, `denied` when the server
   * lets us not in.
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

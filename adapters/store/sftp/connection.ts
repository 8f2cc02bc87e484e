/** SSH connections: made with a host that is known and a way to log in that works, and made again when they break. */
import type { Buffer } from "node:buffer"
import { StoreError } from "../../../stages/store/store.ts"
import { attemptsFor, authentication, type Credentials } from "./authentication.ts"
import { quoted } from "../../runtime/quote.ts"
import { fingerprint, judge, knownName, preferredAlgorithms, typeOfKey } from "./known_hosts.ts"
import { makeSession, type Session } from "./session.ts"
import type { Client, SftpClient, Ssh2, SshError } from "./ssh2.ts"

/** Whom to connect to, and how. */
export interface Server {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly knownHosts: ReadonlyArray<string>
  readonly credentials: Credentials
}

/** An SSH connection with a session of SFTP. */
export interface Connection {
  readonly session: Session
  /** Ends it when all requests are answered. */
  readonly end: () => Promise<void>
}

/** A server that says nothing for so long does not answer, in milliseconds. */
const CONNECT_TIMEOUT = 30_000
/**
 * It is asked for a sign of life every so often, in milliseconds, and given up after this many in vain: within 30 to 40
 * s.
 */
const KEEPALIVE = 10_000
const KEEPALIVES = 3
/** How long the end of a connection may take, in milliseconds. */
const END_TIMEOUT = 2_000

const failure = (reason: StoreError["reason"], message: string, cause?: unknown): StoreError =>
  new StoreError({ reason, object: "", message, cause })

/**
 * Connects. Throws a {@link StoreError}: `unavailable` when it may pass. `onLost` is called when the connection breaks.
 */
export const connect = async (ssh2: Ssh2, server: Server, onLost: () => void): Promise<Connection> => {
  const where = `${server.user}@${knownName(server.host, server.port)}`
  const login = authentication(attemptsFor(ssh2, server.user, server.credentials))
  const client = new ssh2.Client()
  let refused: StoreError | undefined
  let lose = (_why: Error): void => {}
  let lost = false
  const breakOff = (why: Error): void => {
    lost = true
    lose(why)
    onLost()
    client.destroy()
  }
  try {
    await new Promise<void>((resolve, reject) => {
      client.on("connect", () => client.setNoDelay(true))
      client.on("ready", () => resolve())
      client.on("error", (error) => {
        // An agent or key that fails is passed over, and what comes next is tried.
        if (error.level === "agent" || (error.level === "client-authentication" && !login.isOver())) {
          return login.failed(error.message)
        }
        reject(error)
        breakOff(error)
      })
      client.on("close", () => {
        const error = new Error("the server closed the connection")
        reject(error)
        breakOff(error)
      })
      client.connect({
        host: server.host,
        port: server.port,
        username: server.user,
        readyTimeout: CONNECT_TIMEOUT,
        keepaliveInterval: KEEPALIVE,
        keepaliveCountMax: KEEPALIVES,
        algorithms: { serverHostKey: preferredAlgorithms(server.knownHosts, server.host, server.port) },
        hostVerifier: (key) => (refused = hostRefusal(server, key)) === undefined,
        authHandler: login.next,
      })
    })
  } catch (cause) {
    throw refused ?? connectError(where, cause as SshError, login.describe)
  }
  const sftp = await openSftp(client).catch((cause: SshError) => {
    const wasLost = lost
    breakOff(cause)
    throw wasLost ? failure("unavailable", `The connection to ${where} broke: ${cause.message}`, cause) : failure(
      "io",
      `The SSH server lets ${where} in but gives no SFTP session (${cause.message}): it needs "Subsystem sftp" in its sshd_config, and a shell that prints nothing at login`,
      cause,
    )
  })
  const made = makeSession(sftp)
  lose = made.lose
  for (const event of ["close", "end", "error"]) {
    sftp.on(event, (error) => breakOff(error ?? new Error("the server ended the session")))
  }
  if (lost) lose(new Error("the server closed the connection"))
  return {
    session: made.session,
    end: () =>
      new Promise((resolve) => {
        if (lost) return resolve()
        const timer = setTimeout(() => {
          client.destroy()
          resolve()
        }, END_TIMEOUT)
        client.on("close", () => {
          clearTimeout(timer)
          resolve()
        })
        lost = true
        client.end()
      }),
  }
}

const openSftp = (client: Client): Promise<SftpClient> =>
  new Promise((resolve, reject) => {
    client.on("close", () => reject(new Error("the server closed the connection")))
    client.sftp((error, sftp) => error ? reject(error) : resolve(sftp))
  })

/** What comes and goes: no answer, nobody there, or not now. */
const PASSING = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "EPIPE"],
  ...["ETIMEDOUT", "EAI_AGAIN", "EADDRNOTAVAIL"],
])

const connectError = (where: string, cause: SshError, tried: () => string): StoreError => {
  const { code, level, message } = cause
  const tooMany = /too many authentication failures/i.test(message)
  if (level === "client-authentication" || tooMany) {
    const way = tooMany ? "; it takes no more tries: name the key with ?identity=FILE" : ""
    return failure("denied", `The SSH server does not let ${where} in: ${tried()}${way}`, cause)
  }
  if (code === "ENOTFOUND") {
    return failure("io", `Cannot connect to ${where}: there is no host of that name; check its spelling`, cause)
  }
  if (level === "client-timeout" || /timed out/i.test(message)) {
    return failure("unavailable", `Cannot connect to ${where}: no answer within ${CONNECT_TIMEOUT / 1000} s`, cause)
  }
  // A server that starts or is full closes the connection, with or without a word.
  const passes = (typeof code === "string" && PASSING.has(code)) || level === "protocol" || level === "client-socket" ||
    (code === undefined && level === undefined) || typeof code === "number"
  return failure(passes ? "unavailable" : "io", `Cannot connect to ${where}: ${message || code}`, cause)
}

const hostRefusal = ({ host, port, user, knownHosts }: Server, key: Buffer): StoreError | undefined => {
  const name = knownName(host, port)
  const offered = `${typeOfKey(key)} ${fingerprint(key)}`
  const verdict = judge(knownHosts, host, port, key)
  switch (verdict.is) {
    case "known":
      return undefined
    case "unknown": {
      const option = port === 22 ? "" : `-p ${port} `
      const file = knownHosts[0]
      return failure(
        "denied",
        `The host key of ${name} is not known (${offered}): compare this fingerprint with the server's own, then connect once with "ssh ${option}${user}@${host}"` +
          (file === undefined ? "" : `, or add the key with "ssh-keyscan ${option}${host} >> ${file}"`),
      )
    }
    case "changed":
      return failure(
        "denied",
        `THE HOST KEY OF ${name} HAS CHANGED: it offers ${offered}, and line ${verdict.known.line} of ${verdict.known.file} has another; somebody may be between you and the server; when the change is expected, remove the old key with: ssh-keygen -f ${
          quoted(verdict.known.file)
        } -R ${quoted(name)}`,
      )
    case "revoked":
      return failure(
        "denied",
        `The host key of ${name} (${offered}) is revoked by line ${verdict.known.line} of ${verdict.known.file}: do not trust this server`,
      )
  }
}

/** A connection that is made when it is first needed, and again when it broke. */
export interface Link {
  /** The connection, for one operation. All who ask meanwhile wait for the same one. */
  readonly connection: () => Promise<Connection>
  readonly end: () => Promise<void>
}

/** A link by `connect`, which says when a connection breaks. */
export const makeLink = (connect: (onLost: () => void) => Promise<Connection>): Link => {
  let current: Promise<Connection> | undefined
  const start = (): Promise<Connection> => {
    const forget = (): void => {
      if (current === made) current = undefined
    }
    const made: Promise<Connection> = connect(forget)
    made.catch(forget)
    return made
  }
  return {
    connection: () => current ??= start(),
    end: async () => {
      const last = current
      current = undefined
      await last?.then((made) => made.end(), () => {})
    },
  }
}

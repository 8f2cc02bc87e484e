/** SSH connections to known hosts, with a session of SFTP. */
import { StoreError } from "../../../stages/store/store.ts"
import { attemptsFor, authentication } from "./authentication.ts"
import { refuseHostKey } from "./host_key.ts"
import { knownName, preferredAlgorithms } from "./known_hosts.ts"
import type { Server } from "./server.ts"
import { makeSession, type Session } from "./session.ts"
import type { Client, SftpClient, Ssh2, SshError } from "./ssh2.ts"

/** An SSH connection with a session of SFTP. */
export interface Connection {
  readonly session: Session
  /** Ends the connection when all requests are answered. */
  readonly end: () => Promise<void>
}

/** How long a server may take to connect, in milliseconds. */
const CONNECT_TIMEOUT = 30_000
/** A silent server is probed this often, in milliseconds. */
const KEEPALIVE = 10_000
/** Unanswered probes after which the connection counts as broken: after 30 to 40 s. */
const KEEPALIVES = 3
/** How long a connection may take to end, in milliseconds. */
const END_TIMEOUT = 2_000

const failure = (reason: StoreError["reason"], message: string, cause?: unknown): StoreError =>
  new StoreError({ reason, object: "", message, cause })

/** Connects and logs in. Calls `onLost` when the connection breaks. Throws a {@link StoreError}. */
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
        // An agent or key that fails is skipped, and the next one is tried.
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
        hostVerifier: (key) => (refused = refuseHostKey(server, key)) === undefined,
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
      `The SSH server lets ${where} in but gives no SFTP session (${cause.message}): it needs "Subsystem sftp" in ` +
        `its sshd_config, and a shell that prints nothing at login`,
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

/** System errors that may pass. */
const PASSING = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "EPIPE"],
  ...["ETIMEDOUT", "EAI_AGAIN", "EADDRNOTAVAIL"],
])

const connectError = (where: string, cause: SshError, tried: () => string): StoreError => {
  const { code, level, message } = cause
  const tooMany = /too many authentication failures/i.test(message)
  if (level === "client-authentication" || tooMany) {
    const way = tooMany ? "; it allows no more tries: name the key with ?identity=FILE" : ""
    return failure("denied", `The SSH server does not let ${where} in: ${tried()}${way}`, cause)
  }
  if (code === "ENOTFOUND") {
    return failure("io", `Cannot connect to ${where}: there is no host of that name; check its spelling`, cause)
  }
  if (level === "client-timeout" || /timed out/i.test(message)) {
    return failure("unavailable", `Cannot connect to ${where}: no answer within ${CONNECT_TIMEOUT / 1000} s`, cause)
  }
  // A server that starts, or has too many connections, closes the connection with or without a message.
  const passes = (typeof code === "string" && PASSING.has(code)) || level === "protocol" || level === "client-socket" ||
    (code === undefined && level === undefined) || typeof code === "number"
  return failure(passes ? "unavailable" : "io", `Cannot connect to ${where}: ${message || code}`, cause)
}

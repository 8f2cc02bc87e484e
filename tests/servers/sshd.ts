/** OpenSSH's sshd on a free port of the loopback, with its keys and files in a temporary folder. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { freePort, programPath } from "./process.ts"

const sshd = programPath("sshd")

/** Why the server cannot be started here; undefined if it can. */
export const noSshd: string | undefined = sshd === undefined
  ? "sshd is not installed"
  : programPath("ssh-keygen") === undefined
  ? "ssh-keygen is not installed"
  : undefined

/** How to start the server. */
export interface SshdOptions {
  /** Lines for the start of sshd_config. They win, because the first value counts. */
  readonly config?: ReadonlyArray<string>
  /** The subsystem for SFTP: `internal-sftp` by default, none for `""`. */
  readonly sftp?: string
  /** The directory in which the temporary folder is made. */
  readonly parent?: string
}

/** A running server. */
export interface Sshd {
  readonly port: number
  readonly user: string
  /** A file in its temporary folder. */
  readonly at: (name: string) => string
  /** The location of a store in the directory `name` of the folder, with the right key and known hosts. */
  readonly location: (name: string) => string
  /** Makes a key pair that the server accepts, and returns the path of the private key. */
  readonly makeKey: (name: string, options?: { readonly type?: string; readonly passphrase?: string }) => string
  /** Kills the server and all its connections, as a crash would. */
  readonly kill: () => Promise<void>
  /** Starts the server again on the same port. */
  readonly start: () => Promise<void>
  readonly log: () => string
  /** Kills the server and removes its folder. */
  readonly stop: () => Promise<void>
}

/** Whether an SSH server answers. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    const end = (result: boolean): void => {
      socket.destroy()
      resolve(result)
    }
    socket.on("data", (data) => end(String(data).startsWith("SSH-")))
    socket.on("error", () => end(false))
    socket.on("close", () => end(false))
  })

const keygen = (...args: ReadonlyArray<string>): void => {
  execFileSync("ssh-keygen", ["-q", ...args], { stdio: ["ignore", "ignore", "inherit"] })
}

/** The processes of the connections. Each has a session of its own, so they cannot be killed as one group. */
const descendantsOf = (pid: number): ReadonlyArray<number> => {
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((name) => {
    try {
      // The name of the program, in parentheses, may hold any character.
      return Number(/\) \S (\d+) [^)]*$/.exec(readFileSync(`/proc/${name}/stat`, "utf8"))?.[1]) === pid
    } catch {
      return false // it ended meanwhile
    }
  }).map(Number)
  return [...children, ...children.flatMap(descendantsOf)]
}

/** Starts a server. */
export const startSshd = async (options: SshdOptions = {}): Promise<Sshd> => {
  const folder = mkdtempSync(join(options.parent ?? tmpdir(), "penstock-sshd-"))
  const at = (name: string): string => join(folder, name)
  const port = await freePort()
  // Bun takes the name of the user only from USER.
  const user = execFileSync("id", ["-un"], { encoding: "utf8" }).trim()
  for (const type of ["ed25519", "ecdsa"]) keygen("-t", type, "-N", "", "-f", at(`host_${type}`))
  const publicKey = (type: string): string =>
    readFileSync(at(`host_${type}.pub`), "utf8").split(" ").slice(0, 2).join(" ")
  writeFileSync(
    at("known_hosts"),
    ["ed25519", "ecdsa"].map((type) => `[127.0.0.1]:${port} ${publicKey(type)}\n`).join(""),
  )
  writeFileSync(at("authorized_keys"), "", { mode: 0o600 })
  const makeKey: Sshd["makeKey"] = (name, { type = "ed25519", passphrase = "" } = {}) => {
    keygen("-t", type, "-N", passphrase, "-f", at(name))
    appendFileSync(at("authorized_keys"), readFileSync(at(`${name}.pub`)))
    return at(name)
  }
  makeKey("id")
  const sftp = options.sftp ?? "internal-sftp"
  writeFileSync(
    at("sshd_config"),
    [
      ...(options.config ?? []),
      `ListenAddress 127.0.0.1`,
      `Port ${port}`,
      `HostKey ${at("host_ed25519")}`,
      `HostKey ${at("host_ecdsa")}`,
      `PidFile none`,
      `AuthorizedKeysFile ${at("authorized_keys")}`,
      `StrictModes no`,
      `PubkeyAuthentication yes`,
      `PasswordAuthentication no`,
      `KbdInteractiveAuthentication no`,
      `PermitRootLogin yes`,
      `UsePAM no`,
      `PrintMotd no`,
      `MaxStartups 100`,
      ...(sftp === "" ? [] : [`Subsystem sftp ${sftp}`]),
      ``,
    ].join("\n"),
  )
  // sshd of Debian needs this empty directory, which exists only if the service was started before.
  if (process.getuid?.() === 0 && !existsSync("/run/sshd")) mkdirSync("/run/sshd", { mode: 0o755 })

  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const started = spawn(sshd!, ["-D", "-f", at("sshd_config"), "-E", at("log")], { stdio: "ignore" })
    child = started
    for (let tries = 0; !await answers(port); tries++) {
      if (tries > 200 || started.exitCode !== null) throw new Error(`sshd does not start: ${log()}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
  const log = (): string => existsSync(at("log")) ? readFileSync(at("log"), "utf8") : ""
  const kill = async (): Promise<void> => {
    const killed = child
    child = undefined
    if (killed?.pid === undefined || killed.exitCode !== null) return
    const exited = new Promise((resolve) => killed.on("exit", resolve))
    // It is stopped, so that it starts no other process meanwhile.
    process.kill(killed.pid, "SIGSTOP")
    for (const pid of [...descendantsOf(killed.pid), killed.pid]) {
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // It has ended by itself.
      }
    }
    await exited
  }
  const stop = async (): Promise<void> => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (cause) {
    await stop()
    throw cause
  }
  return {
    port,
    user,
    at,
    location: (name) =>
      `sftp://${user}@127.0.0.1:${port}${at(name)}?identity=${at("id")}&known-hosts=${at("known_hosts")}`,
    makeKey,
    kill,
    start,
    log,
    stop,
  }
}

/** Ways to log in, in the order to try them: named keys, the agent, the usual keys, the password. */
import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import * as Redacted from "effect/Redacted"
import { StoreError } from "../../../stages/store/store.ts"
import type { AuthMethod, ParsedKey, Ssh2 } from "./ssh2.ts"

/** Keys and passwords to log in with. */
export interface Credentials {
  /** Files with private keys that the user names. Without any, the usual ones are tried. */
  readonly identities: ReadonlyArray<string>
  /** Whether the files of `identities` must exist. */
  readonly required: boolean
  /** Socket of an agent. */
  readonly agent?: string
  readonly password?: Redacted.Redacted<string>
  /** Passphrase of encrypted private keys. */
  readonly passphrase?: Redacted.Redacted<string>
}

/** One try to log in. */
export interface Attempt {
  /** Its name in messages. */
  readonly what: string
  /** Its name in the protocol. */
  readonly method: "none" | "publickey" | "password" | "keyboard-interactive"
  readonly give: AuthMethod
}

/** The tries, and why others are left out; each reason is a part of a sentence. */
export interface Attempts {
  readonly attempts: ReadonlyArray<Attempt>
  readonly leftOut: ReadonlyArray<string>
}

const USUAL = ["id_ed25519", "id_ecdsa", "id_rsa"]

/** The tries for these credentials. Throws a {@link StoreError} if a file that must exist does not. */
export const attemptsFor = (ssh2: Ssh2, username: string, credentials: Credentials): Attempts => {
  const leftOut: Array<string> = []
  const passphrase = credentials.passphrase && Redacted.value(credentials.passphrase)
  const usual = credentials.identities.length === 0
  const files = usual ? USUAL.map((name) => join(homedir(), ".ssh", name)) : credentials.identities
  const keys = files.flatMap((file): ReadonlyArray<Attempt> => {
    const key = readKey(ssh2, file, passphrase)
    if (typeof key === "object") {
      return [{ what: `the key ${file}`, method: "publickey", give: { type: "publickey", username, key } }]
    }
    if (key !== undefined) leftOut.push(key)
    else if (!usual && credentials.required) throw noKey(file)
    return []
  })
  const agent: ReadonlyArray<Attempt> = credentials.agent
    ? [{
      what: "the keys of the agent",
      method: "publickey",
      give: { type: "agent", username, agent: credentials.agent },
    }]
    : []
  if (agent.length === 0) leftOut.push("there is no agent (SSH_AUTH_SOCK)")
  if (credentials.password === undefined) leftOut.push("PENSTOCK_SFTP_PASSWORD is not set")
  return {
    attempts: [
      { what: "none", method: "none", give: { type: "none", username } },
      ...(usual ? [...agent, ...keys] : [...keys, ...agent]),
      ...(credentials.password === undefined ? [] : byPassword(username, Redacted.value(credentials.password))),
    ],
    leftOut,
  }
}

const byPassword = (username: string, password: string): ReadonlyArray<Attempt> => [
  { what: "the password", method: "password", give: { type: "password", username, password } },
  {
    // Many servers take the password only in this way.
    what: "the password, typed in",
    method: "keyboard-interactive",
    give: {
      type: "keyboard-interactive",
      username,
      prompt: (_name, _instructions, _language, prompts, finish) =>
        finish(prompts.map(({ echo }) => echo ? "" : password)),
    },
  },
]

const noKey = (file: string): StoreError =>
  new StoreError({
    reason: "denied",
    object: "",
    message: `There is no private key ${file}: check the name of the file`,
  })

/** The key in a file; a reason to leave it out; or undefined if there is no such file. */
const readKey = (ssh2: Ssh2, file: string, passphrase: string | undefined): ParsedKey | string | undefined => {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined
    return code === "ENOENT" ? undefined : `${file} cannot be read (${code})`
  }
  const plain = ssh2.utils.parseKey(bytes)
  const key = Array.isArray(plain) ? plain[0] as ParsedKey : plain
  if (!(key instanceof Error)) return key.isPrivateKey() ? key : `${file} holds no private key`
  if (!/passphrase|encrypted/i.test(key.message)) return `${file} is not a private key that can be read`
  if (passphrase === undefined) {
    return `${file} is encrypted (set PENSTOCK_SFTP_PASSPHRASE, or add it to the agent with ssh-add)`
  }
  const decrypted = ssh2.utils.parseKey(bytes, passphrase)
  return decrypted instanceof Error ? `PENSTOCK_SFTP_PASSPHRASE does not decrypt ${file}` : decrypted
}

/** Gives the tries that the server allows, one after another, and records them for the error message. */
export const authentication = (
  { attempts, leftOut }: Attempts,
): {
  readonly next: (allowed: ReadonlyArray<string> | null) => AuthMethod | false
  /** Records why the last try failed on this machine, before the server could judge it. */
  readonly failed: (why: string) => void
  /** Whether all tries are used up. */
  readonly isOver: () => boolean
  /** What was tried, what was left out, and what the server takes, as parts of a sentence. */
  readonly describe: () => string
} => {
  const tried: Array<string> = []
  let takes: ReadonlyArray<string> | undefined
  const failures: Array<string> = []
  let over = false
  let at = 0
  return {
    failed: (why) => void failures.push(`${tried.at(-1)} failed here (${why})`),
    isOver: () => over,
    next: (allowed) => {
      if (allowed !== null) takes = allowed
      while (at < attempts.length) {
        const attempt = attempts[at++]!
        if (takes !== undefined && attempt.method !== "none" && !takes.includes(attempt.method)) continue
        if (attempt.method !== "none") tried.push(attempt.what)
        return attempt.give
      }
      over = true
      return false
    },
    describe: () =>
      [
        tried.length === 0 ? "nothing could be tried" : `tried ${tried.join(", ")}`,
        ...failures,
        ...leftOut,
        ...(takes === undefined ? [] : [`the server takes ${takes.join(", ")}`]),
      ].join("; "),
  }
}

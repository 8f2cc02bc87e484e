/** The keys of trusted hosts, in the files of OpenSSH: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". */
import { Buffer } from "node:buffer"
import { createHash, createHmac } from "node:crypto"
import { readFileSync } from "node:fs"
import { matchesPatterns } from "./ssh_config.ts"

/** A key of a host, as a file has it. */
export interface KnownKey {
  /** For example `ssh-ed25519`. */
  readonly type: string
  /** In base64. */
  readonly key: string
  readonly revoked: boolean
  readonly file: string
  /** From 1. */
  readonly line: number
}

/** Whether a host key can be trusted, by the files. */
export type Verdict =
  | { readonly is: "known" }
  | { readonly is: "unknown" }
  /** The files have other keys for this host, but not this one. */
  | { readonly is: "changed"; readonly known: KnownKey }
  | { readonly is: "revoked"; readonly known: KnownKey }

/** The name of a host in the files: `host`, or `[host]:port` if the port is not 22. */
export const knownName = (host: string, port: number): string => port === 22 ? host : `[${host}]:${port}`

/** `SHA256:…`, as ssh shows it. */
export const fingerprint = (key: Uint8Array): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`

/** The type of a key, which its first bytes name. */
export const typeOfKey = (key: Uint8Array): string => {
  const length = key.length < 4 ? 0 : new DataView(key.buffer, key.byteOffset).getUint32(0)
  return new TextDecoder().decode(key.subarray(4, 4 + Math.min(length, 64)))
}

/** All keys of a name in the files. A missing file has none. Throws if a file cannot be read. */
export const keysOf = (files: ReadonlyArray<string>, name: string): ReadonlyArray<KnownKey> =>
  files.flatMap((file) =>
    linesOf(file).flatMap((text, index): ReadonlyArray<KnownKey> => {
      const words = text.trim().split(/\s+/)
      if (words[0] === "" || words[0]!.startsWith("#")) return []
      const marker = words[0]!.startsWith("@") ? words.shift() : undefined
      const [hosts, type, key] = words
      // Host certificates are not supported, so the key of an authority does not count.
      if (marker !== undefined && marker !== "@revoked") return []
      if (hosts === undefined || type === undefined || key === undefined || !namesHost(hosts, name)) return []
      return [{ type, key, revoked: marker !== undefined, file, line: index + 1 }]
    })
  )

const namesHost = (hosts: string, name: string): boolean => {
  if (!hosts.startsWith("|")) return matchesPatterns(hosts.split(","), name)
  const [, version, salt, hash] = hosts.split("|")
  return version === "1" && salt !== undefined && hash !== undefined &&
    createHmac("sha1", Buffer.from(salt, "base64")).update(name.toLowerCase()).digest("base64") === hash
}

const linesOf = (file: string): ReadonlyArray<string> => {
  try {
    return readFileSync(file, "utf8").split(/\r?\n/)
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return []
    throw cause
  }
}

/** Judges the key that a host offers. */
export const judgeKey = (files: ReadonlyArray<string>, host: string, port: number, offered: Uint8Array): Verdict => {
  const key = Buffer.from(offered).toString("base64")
  const named = keysOf(files, knownName(host, port))
  // Like ssh, this accepts a key that is known for the host if none is known for its port.
  const plain = port === 22 ? [] : keysOf(files, host)
  const revoked = [...named, ...plain].find((one) => one.revoked && one.key === key)
  if (revoked !== undefined) return { is: "revoked", known: revoked }
  const trusted = named.filter((one) => !one.revoked)
  if (trusted.some((one) => one.key === key)) return { is: "known" }
  if (trusted.length > 0) {
    return { is: "changed", known: trusted.find((one) => one.type === typeOfKey(offered)) ?? trusted[0]! }
  }
  return plain.some((one) => !one.revoked && one.key === key) ? { is: "known" } : { is: "unknown" }
}

/** Signature algorithms in order of preference: first those of the known keys, because other keys would be refused. */
export const preferredAlgorithms = (
  files: ReadonlyArray<string>,
  host: string,
  port: number,
): ReadonlyArray<string> => {
  const algorithmsOf = (type: string): ReadonlyArray<string> =>
    type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type]
  const known = [...keysOf(files, knownName(host, port)), ...(port === 22 ? [] : keysOf(files, host))]
    .filter((one) => !one.revoked)
  return [
    ...new Set([...known.map(({ type }) => type), ...TYPES].filter((one) => TYPES.includes(one)).flatMap(algorithmsOf)),
  ]
}

const TYPES = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"]

/** The server of a store, and how to log in: from the location, the configuration of ssh, and the environment. */
import { homedir } from "node:os"
import { join } from "node:path"
import * as Redacted from "effect/Redacted"
import { StoreError } from "../../../stages/store/store.ts"
import { userName } from "../../runtime/user_name.ts"
import { variable } from "../../runtime/variable.ts"
import type { Credentials } from "./authentication.ts"
import type { SftpLocation } from "./location.ts"
import type { SftpStoreOptions } from "./options.ts"
import { expandHome, readConfig } from "./ssh_config.ts"

/** A server, and how to log in. */
export interface Server {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Files with the keys of known hosts. */
  readonly knownHosts: ReadonlyArray<string>
  readonly credentials: Credentials
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
    message: "The SFTP location names no user, and your user name is not known here: write sftp://user@host/path",
  })
}

/**
 * The server of a location. The location comes first, then the configuration of ssh, then the defaults of ssh. Throws a
 * {@link StoreError}.
 */
export const serverOf = (location: SftpLocation, options: SftpStoreOptions): Server => {
  const file = options.config ?? join(homedir(), ".ssh", "config")
  const config = readConfig(file, location.host)
  if (config.unsupported !== undefined) {
    throw new StoreError({
      reason: "invalid",
      object: "",
      message:
        `${file} reaches ${location.host} by ${config.unsupported}, which is not supported: forward a port with ` +
        `ssh -L, and name that port`,
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

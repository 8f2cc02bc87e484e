/** Decides whether the key of a host can be trusted. */
import type { Buffer } from "node:buffer"
import { quoted } from "../../runtime/quote.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { fingerprint, judgeKey, knownName, typeOfKey } from "./known_hosts.ts"
import type { Server } from "./server.ts"

const denied = (message: string): StoreError => new StoreError({ reason: "denied", object: "", message })

/** The error for a host key that is not to be trusted; undefined for a known one. */
export const refuseHostKey = ({ host, port, user, knownHosts }: Server, key: Buffer): StoreError | undefined => {
  const name = knownName(host, port)
  const offered = `${typeOfKey(key)} ${fingerprint(key)}`
  const verdict = judgeKey(knownHosts, host, port, key)
  switch (verdict.is) {
    case "known":
      return undefined
    case "unknown": {
      const option = port === 22 ? "" : `-p ${port} `
      const file = knownHosts[0]
      return denied(
        `The host key of ${name} is not known (${offered}): compare this fingerprint with the server's own, then ` +
          `connect once with "ssh ${option}${user}@${host}"` +
          (file === undefined ? "" : `, or add the key with "ssh-keyscan ${option}${host} >> ${file}"`),
      )
    }
    case "changed":
      return denied(
        `THE HOST KEY OF ${name} HAS CHANGED: it offers ${offered}, and ` +
          `line ${verdict.known.line} of ${verdict.known.file} has another; somebody may be between you and the ` +
          `server; if the change is expected, remove the old key with: ssh-keygen -f ${quoted(verdict.known.file)} -R ${
            quoted(name)
          }`,
      )
    case "revoked":
      return denied(
        `The host key of ${name} (${offered}) is revoked by line ${verdict.known.line} of ${verdict.known.file}: ` +
          `do not trust this server`,
      )
  }
}

/** The machine that the command runs on. */
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { userName } from "../../adapters/runtime/user_name.ts"

/** Who runs the command, `user@host`. */
export const thisUser = (): string => `${userName()}@${hostname()}`

/** Its host name, and its ID of 32 hex digits. Undefined if the system has no ID (see machine-id(5)). */
export const thisMachine = (): { readonly hostname: string; readonly id: string } | undefined => {
  for (const file of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    try {
      const id = readFileSync(file, "utf8").trim().toLowerCase()
      if (/^[0-9a-f]{32}$/.test(id)) return { hostname: hostname(), id }
    } catch {
      // This system does not have that file.
    }
  }
  return undefined
}

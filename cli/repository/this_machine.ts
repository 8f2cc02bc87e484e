/** The machine that this is. */
import { readFileSync } from "node:fs"
import { hostname } from "node:os"

/** Its host name, and its ID where the system has one: 32 hex digits. */
export const thisMachine = (): { readonly hostname: string; readonly id: string } | undefined => {
  for (const file of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    try {
      const id = readFileSync(file, "utf8").trim().toLowerCase()
      if (/^[0-9a-f]{32}$/.test(id)) return { hostname: hostname(), id }
    } catch {
      // Not every system has it.
    }
  }
  return undefined
}

/** The user whose process this is. */
import { spawnSync } from "node:child_process"
import { userInfo } from "node:os"
import process from "node:process"
import { users } from "../files/system/metadata.ts"

/** The user's name by the system, whatever the environment says; its number when the system has no name for it. */
export const userName = (): string => {
  const uid = process.getuid?.()
  return (uid === undefined ? undefined : users().get(uid)) ?? nameByNode() ?? nameById() ?? String(uid ?? "")
}

/** Undefined on Bun, which looks only at the environment. */
const nameByNode = (): string | undefined => {
  if (process.versions["bun"] !== undefined && process.platform !== "win32") return undefined
  try {
    return userInfo().username || undefined
  } catch {
    return undefined
  }
}

/** Knows accounts of a directory service, too. */
const nameById = (): string | undefined => {
  const { status, stdout } = spawnSync("id", ["-un"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
  const name = status === 0 ? stdout.trim() : ""
  return name === "" || /^\d+$/.test(name) ? undefined : name
}

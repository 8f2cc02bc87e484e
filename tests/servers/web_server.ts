/** The web servers of tests, nginx and Apache. */
import { createHash } from "node:crypto"
import { chmod, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { RunningServer } from "./process.ts"

/** A running server, for the user `user` with the password `s3cret-word`. */
export interface WebServer extends RunningServer {
  readonly port: number
  /** WebDAV, with a password: `http://127.0.0.1:PORT/dav/`. */
  readonly dav: string
  /** The same files, read-only, without a password, with listings of directories: `http://127.0.0.1:PORT/files/`. */
  readonly files: string
  /** The same files, read-only, with a password. */
  readonly locked: string
  /** The directory with the files. */
  readonly folder: string
}

export const USER = "user"
export const PASSWORD = "s3cret-word"

/** Makes the files that both servers need in a folder: `data/`, `tmp/`, `log/` and a file of passwords. */
export const prepareFolder = async (folder: string): Promise<void> => {
  await chmod(folder, 0o755)
  for (const name of ["data", "tmp", "log"]) {
    await mkdir(join(folder, name))
    await chmod(join(folder, name), 0o777)
  }
  const hash = createHash("sha1").update(PASSWORD).digest("base64")
  await writeFile(join(folder, "passwords"), `${USER}:{SHA}${hash}\n`)
}

export const addressesOf = (port: number, folder: string): Omit<WebServer, keyof RunningServer> => ({
  port,
  dav: `http://127.0.0.1:${port}/dav/`,
  files: `http://127.0.0.1:${port}/files/`,
  locked: `http://127.0.0.1:${port}/locked/`,
  folder: join(folder, "data"),
})

/**
 * An SFTP server in this process that does only what version 3 of the protocol demands: it has no extensions, gives
 * short reads, and statuses without a reason.
 */
import { Buffer } from "node:buffer"
import { generateKeyPairSync } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import type { AddressInfo, Server as NetServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
// @ts-ignore: the package has no types
import ssh2 from "ssh2"

/** A running server; its only user is `ann`. */
export interface BareSftp {
  /** A location of a store in it. */
  readonly location: string
  /** Paths of the files in it. */
  readonly files: () => ReadonlyArray<string>
  readonly stop: () => Promise<void>
}

/** How to log in: by `password`, or by `keyboard-interactive`, as servers with PAM do. */
export interface BareSftpOptions {
  readonly method: "password" | "keyboard-interactive"
  readonly password: string
}

const DIRECTORY = 0o040700
const FILE = 0o100600
const { OK, EOF, NO_SUCH_FILE, FAILURE } = ssh2.utils.sftp.STATUS_CODE as Record<string, number>
const { OPEN_MODE } = ssh2.utils.sftp
/** The most bytes that a read gives. */
const SHORT = 10_000

// deno-lint-ignore no-explicit-any
type Any = any

/** Files by path; undefined is a directory. */
type Files = Map<string, Buffer | undefined>

const serve = (sftp: Any, files: Files): void => {
  const handles = new Map<number, { readonly path: string; names?: ReadonlyArray<string> }>()
  let next = 0
  const status = (id: number, code: number | undefined): void => sftp.status(id, code)
  const answerOpen = (id: number, path: string, names?: ReadonlyArray<string>): void => {
    const handle = Buffer.alloc(4)
    handle.writeUInt32BE(next)
    handles.set(next++, names === undefined ? { path } : { path, names })
    sftp.handle(id, handle)
  }
  const of = (handle: Buffer) => handles.get(handle.readUInt32BE(0))!
  const attributes = (path: string) => {
    const bytes = files.get(path)
    return { mode: bytes ? FILE : DIRECTORY, size: bytes?.length ?? 0, uid: 0, gid: 0, atime: 0, mtime: 4e9 }
  }
  const parentThere = (path: string): boolean => files.has(path.slice(0, path.lastIndexOf("/")) || "/")
  const stat = (id: number, path: string): void =>
    files.has(path) ? sftp.attrs(id, attributes(path)) : status(id, NO_SUCH_FILE)
  sftp.on("REALPATH", (id: number, path: string) => sftp.name(id, [{ filename: path, longname: path, attrs: {} }]))
  sftp.on("STAT", stat)
  sftp.on("LSTAT", stat)
  sftp.on("FSTAT", (id: number, handle: Buffer) => stat(id, of(handle).path))
  sftp.on("OPEN", (id: number, path: string, flags: number) => {
    if (flags & OPEN_MODE.WRITE) {
      if (!parentThere(path)) return status(id, NO_SUCH_FILE)
      if (files.has(path)) return status(id, FAILURE)
      files.set(path, Buffer.alloc(0))
    } else if (!files.has(path)) return status(id, NO_SUCH_FILE)
    answerOpen(id, path)
  })
  sftp.on("CLOSE", (id: number, handle: Buffer) => {
    handles.delete(handle.readUInt32BE(0))
    status(id, OK)
  })
  sftp.on("READ", (id: number, handle: Buffer, offset: number, length: number) => {
    const bytes = files.get(of(handle).path)
    if (bytes === undefined) return status(id, FAILURE)
    if (offset >= bytes.length) return status(id, EOF)
    sftp.data(id, bytes.subarray(offset, offset + Math.min(length, SHORT)))
  })
  sftp.on("WRITE", (id: number, handle: Buffer, offset: number, data: Buffer) => {
    const { path } = of(handle)
    const before = files.get(path)!
    const bytes = Buffer.alloc(Math.max(before.length, offset + data.length))
    before.copy(bytes)
    data.copy(bytes, offset)
    files.set(path, bytes)
    status(id, OK)
  })
  sftp.on("OPENDIR", (id: number, path: string) => {
    if (!files.has(path)) return status(id, NO_SUCH_FILE)
    if (files.get(path) !== undefined) return status(id, FAILURE)
    const inside = path === "/" ? "/" : `${path}/`
    answerOpen(
      id,
      path,
      [...files.keys()].filter((one) =>
        one !== "/" && one.startsWith(inside) && !one.slice(inside.length).includes("/")
      ),
    )
  })
  sftp.on("READDIR", (id: number, handle: Buffer) => {
    const directory = of(handle)
    const some = directory.names!.slice(0, 3)
    directory.names = directory.names!.slice(3)
    if (some.length === 0) return status(id, EOF)
    sftp.name(
      id,
      some.map((path) => ({
        filename: path.slice(path.lastIndexOf("/") + 1),
        longname: path,
        attrs: attributes(path),
      })),
    )
  })
  sftp.on("MKDIR", (id: number, path: string) => {
    if (!parentThere(path)) return status(id, NO_SUCH_FILE)
    if (files.has(path)) return status(id, FAILURE)
    files.set(path, undefined)
    status(id, OK)
  })
  sftp.on("REMOVE", (id: number, path: string) => status(id, files.delete(path) ? OK : NO_SUCH_FILE))
  sftp.on("RENAME", (id: number, from: string, to: string) => {
    if (!files.has(from) || !parentThere(to)) return status(id, NO_SUCH_FILE)
    if (files.has(to)) return status(id, FAILURE)
    files.set(to, files.get(from))
    files.delete(from)
    status(id, OK)
  })
}

/** Starts a server. */
export const startBareSftp = ({ method, password }: BareSftpOptions): Promise<BareSftp> => {
  const folder = mkdtempSync(join(tmpdir(), "penstock-bare-sftp-"))
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const pem = privateKey.export({ type: "pkcs1", format: "pem" })
  const files: Files = new Map([["/", undefined]])
  const connections = new Set<Any>()
  const server = new ssh2.Server({ hostKeys: [pem] }, (client: Any) => {
    connections.add(client)
    client.setNoDelay(true)
    client.on("error", () => {})
    client.on("close", () => connections.delete(client))
    client.on("authentication", (context: Any) => {
      const judge = (given: unknown): void => given === password ? context.accept() : context.reject([method])
      if (context.username !== "ann" || context.method !== method) context.reject([method])
      else if (method === "password") judge(context.password)
      else {context.prompt([{ prompt: "Password: ", echo: false }], (answers: ReadonlyArray<string>) =>
          judge(answers[0]))}
    })
    client.on("session", (accept: Any) => accept().on("sftp", (accept: Any) => serve(accept(), files)))
  }) as NetServer
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      const key = ssh2.utils.parseKey(pem).getPublicSSH().toString("base64")
      writeFileSync(join(folder, "known_hosts"), `[127.0.0.1]:${port} ssh-rsa ${key}\n`)
      resolve({
        location: `sftp://ann@127.0.0.1:${port}/store?known-hosts=${join(folder, "known_hosts")}`,
        files: () => [...files].filter(([, bytes]) => bytes !== undefined).map(([path]) => path),
        stop: () =>
          new Promise((resolve) => {
            for (const client of connections) client.end()
            server.close(() => resolve())
            rmSync(folder, { recursive: true, force: true })
          }),
      })
    })
  })
}

/** Requests of SFTP as promises. Each is settled when the connection breaks. */
import { Buffer } from "node:buffer"
import type { Attributes, DirectoryEntry, Done, FileSystemSpace, SftpClient } from "./ssh2.ts"

/** The connection broke. Nobody knows whether the request was carried out. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost"
}

/** Status codes of the protocol. */
export const EOF = 1
export const NO_SUCH_FILE = 2
export const PERMISSION_DENIED = 3
export const FAILURE = 4
export const BAD_MESSAGE = 5
export const UNSUPPORTED = 8

/** The status in the answer to a failed request; undefined for other errors. */
export const sftpStatusOf = (cause: unknown): number | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "number" ? cause.code : undefined

/** An open file or directory of a session. */
export type Handle = Buffer

/** Bytes of one read or write. Every server takes packets of 32 KiB, which include a header. */
export const REQUEST_BYTES: number = 31 << 10
/** The extensions of version 3 of the protocol that a server has. */
export interface Extensions {
  readonly hardlink: boolean
  readonly fsync: boolean
  readonly posixRename: boolean
  readonly statvfs: boolean
}

/** An SFTP session. A request fails with an error that has a status, or with {@link ConnectionLost}. */
export interface Session {
  readonly extensions: Extensions
  /** Opens a file for reading, or makes a new one of mode 0600, which fails if the name is taken. */
  readonly open: (path: string, how: "read" | "new") => Promise<Handle>
  readonly close: (handle: Handle) => Promise<void>
  /** Fills the start of `target` and gives the number of bytes: perhaps fewer than fit, 0 at the end of the file. */
  readonly read: (handle: Handle, target: Buffer, position: number) => Promise<number>
  /** The bytes are copied before the call returns. */
  readonly write: (handle: Handle, bytes: Buffer, position: number) => Promise<void>
  readonly fstat: (handle: Handle) => Promise<Attributes>
  readonly lstat: (path: string) => Promise<Attributes>
  readonly stat: (path: string) => Promise<Attributes>
  readonly realpath: (path: string) => Promise<string>
  readonly openDirectory: (path: string) => Promise<Handle>
  /** The next names, without `.` and `..`; undefined at the end. */
  readonly readDirectory: (handle: Handle) => Promise<ReadonlyArray<DirectoryEntry> | undefined>
  readonly mkdir: (path: string) => Promise<void>
  readonly remove: (path: string) => Promise<void>
  /** Fails if `to` exists, as the protocol demands. */
  readonly rename: (from: string, to: string) => Promise<void>
  readonly posixRename: (from: string, to: string) => Promise<void>
  readonly hardlink: (from: string, to: string) => Promise<void>
  readonly fsync: (handle: Handle) => Promise<void>
  readonly statvfs: (path: string) => Promise<FileSystemSpace>
}

/** A session, and `lose`, which fails all waiting requests and all later ones. */
export const makeSession = (sftp: SftpClient): { readonly session: Session; readonly lose: (why: Error) => void } => {
  let lost: ConnectionLost | undefined
  const waiting = new Set<(cause: Error) => void>()
  const lose = (why: Error): void => {
    lost ??= new ConnectionLost(why.message, { cause: why })
    for (const reject of waiting) reject(lost)
    waiting.clear()
  }
  // ssh2 never answers a request that is made after the channel was closed, so `lose` rejects it.
  const ask = <A>(start: (done: Done<A>) => void): Promise<A> =>
    new Promise((resolve, reject) => {
      if (lost !== undefined) return reject(lost)
      waiting.add(reject)
      start((error, value) => {
        waiting.delete(reject)
        if (error === undefined || error === null) resolve(value)
        else if (typeof error.code === "number") reject(error)
        else reject(new ConnectionLost(error.message, { cause: error }))
      })
    })

  const offers = (name: string, version: string): boolean => sftp._extensions[`${name}@openssh.com`] === version
  const session: Session = {
    extensions: {
      hardlink: offers("hardlink", "1"),
      fsync: offers("fsync", "1"),
      posixRename: offers("posix-rename", "1"),
      statvfs: offers("statvfs", "2"),
    },
    open: (path, how) => ask((done) => sftp.open(path, how === "read" ? "r" : "wx", { mode: 0o600 }, done)),
    close: (handle) => ask((done) => sftp.close(handle, done)),
    read: (handle, target, position) =>
      ask((done) => sftp.read(handle, target, 0, Math.min(target.length, REQUEST_BYTES), position, done)),
    write: (handle, bytes, position) => ask((done) => sftp.write(handle, bytes, 0, bytes.length, position, done)),
    fstat: (handle) => ask((done) => sftp.fstat(handle, done)),
    lstat: (path) => ask((done) => sftp.lstat(path, done)),
    stat: (path) => ask((done) => sftp.stat(path, done)),
    realpath: (path) => ask((done) => sftp.realpath(path, done)),
    openDirectory: (path) => ask((done) => sftp.opendir(path, done)),
    readDirectory: (handle) =>
      ask<ReadonlyArray<DirectoryEntry>>((done) => sftp.readdir(handle, done)).catch((cause) => {
        if (sftpStatusOf(cause) === EOF) return undefined
        throw cause
      }),
    mkdir: (path) => ask((done) => sftp.mkdir(path, { mode: 0o700 }, done)),
    remove: (path) => ask((done) => sftp.unlink(path, done)),
    rename: (from, to) => ask((done) => sftp.rename(from, to, done)),
    posixRename: (from, to) => ask((done) => sftp.ext_openssh_rename(from, to, done)),
    hardlink: (from, to) => ask((done) => sftp.ext_openssh_hardlink(from, to, done)),
    fsync: (handle) => ask((done) => sftp.ext_openssh_fsync(handle, done)),
    statvfs: (path) => ask((done) => sftp.ext_openssh_statvfs(path, done)),
  }
  return { session, lose }
}

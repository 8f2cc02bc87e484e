/** Requests of SFTP as promises, none of which waits for ever. */
import { Buffer } from "node:buffer"
import type { Attributes, DirectoryEntry, Done, FileSystemSpace, SftpClient } from "./ssh2.ts"

/** The connection broke; whether the request was carried out is not known. */
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

/** The status that a failed request was answered with, or undefined. */
export const statusOf = (cause: unknown): number | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "number" ? cause.code : undefined

/** An open file or directory of a session. */
export type Handle = Buffer

/** Bytes in one read or write: every server takes 32 KiB with what is around it, and one SSH packet holds no more. */
export const REQUEST_BYTES: number = 31 << 10
/**
 * Reads or writes of one file that are under way at once, 2 MiB together: a round trip of 50 ms still allows 40 MB/s.
 */
const REQUESTS = 64

/** What a session can do beyond version 3 of the protocol. */
export interface Extensions {
  readonly hardlink: boolean
  readonly fsync: boolean
  readonly posixRename: boolean
  readonly statvfs: boolean
}

/** An SFTP session. A request fails with an error that has a status, or {@link ConnectionLost}. */
export interface Session {
  readonly extensions: Extensions
  /** Opens to read, or makes a file of mode 0600 that must not be there. */
  readonly open: (path: string, how: "read" | "new") => Promise<Handle>
  readonly close: (handle: Handle) => Promise<void>
  /** Number of bytes, which may be less than asked for; 0 at the end. */
  readonly read: (handle: Handle, target: Buffer, position: number) => Promise<number>
  /** The bytes are the caller's again when the call returns, before it is answered. */
  readonly write: (handle: Handle, bytes: Buffer, position: number) => Promise<void>
  readonly fstat: (handle: Handle) => Promise<Attributes>
  readonly lstat: (path: string) => Promise<Attributes>
  readonly stat: (path: string) => Promise<Attributes>
  readonly realpath: (path: string) => Promise<string>
  readonly openDirectory: (path: string) => Promise<Handle>
  /** Some more of the names, without `.` and `..`; undefined at the end. */
  readonly readDirectory: (handle: Handle) => Promise<ReadonlyArray<DirectoryEntry> | undefined>
  readonly mkdir: (path: string) => Promise<void>
  readonly remove: (path: string) => Promise<void>
  /** The protocol says that it fails when `to` is there. */
  readonly rename: (from: string, to: string) => Promise<void>
  readonly posixRename: (from: string, to: string) => Promise<void>
  readonly hardlink: (from: string, to: string) => Promise<void>
  readonly fsync: (handle: Handle) => Promise<void>
  readonly statvfs: (path: string) => Promise<FileSystemSpace>
}

/** A session, and the way to end it: all requests that wait fail, and later ones at once. */
export const makeSession = (sftp: SftpClient): { readonly session: Session; readonly lose: (why: Error) => void } => {
  let lost: ConnectionLost | undefined
  const waiting = new Set<(cause: Error) => void>()
  const lose = (why: Error): void => {
    lost ??= new ConnectionLost(why.message, { cause: why })
    for (const reject of waiting) reject(lost)
    waiting.clear()
  }
  // ssh2 never answers a request that is made after the channel was closed.
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
        if (statusOf(cause) === EOF) return undefined
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

/**
 * Does the jobs, some at once, in order of their start. Starts no more when one fails or `stopped`; ends when none is
 * under way.
 */
export const pipelined = async (
  jobs: Iterator<() => Promise<void>>,
  stopped: () => boolean = () => false,
): Promise<void> => {
  let failure: { readonly cause: unknown } | undefined
  const worker = async (): Promise<void> => {
    while (failure === undefined && !stopped()) {
      const { done, value } = jobs.next()
      if (done) return
      await value().catch((cause: unknown) => {
        failure ??= { cause }
      })
    }
  }
  await Promise.all(Array.from({ length: REQUESTS }, worker))
  if (failure !== undefined) throw failure.cause
}

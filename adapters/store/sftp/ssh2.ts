/** Types of the package `ssh2`, which has none: the part of it that is used here. */
import type { Buffer } from "node:buffer"

/** A private key that can sign. */
export interface ParsedKey {
  readonly type: string
  readonly isPrivateKey: () => boolean
}

/** One way to log in. */
export type AuthMethod =
  & { readonly username: string }
  & (
    | { readonly type: "none" }
    | { readonly type: "agent"; readonly agent: string }
    | { readonly type: "publickey"; readonly key: ParsedKey }
    | { readonly type: "password"; readonly password: string }
    | {
      readonly type: "keyboard-interactive"
      readonly prompt: (
        name: string,
        instructions: string,
        language: string,
        prompts: ReadonlyArray<{ readonly prompt: string; readonly echo: boolean }>,
        finish: (answers: ReadonlyArray<string>) => void,
      ) => void
    }
  )

/** An error of a connection. */
export interface SshError extends Error {
  readonly level?: string
  readonly code?: string | number
}

/** How to connect. */
export interface ConnectOptions {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly readyTimeout: number
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
  readonly algorithms: { readonly serverHostKey: ReadonlyArray<string> }
  readonly hostVerifier: (key: Buffer) => boolean
  readonly authHandler: (methods: ReadonlyArray<string> | null, partial: boolean | null) => AuthMethod | false
}

/** An SSH connection. */
export interface Client {
  readonly connect: (options: ConnectOptions) => void
  readonly on: (event: string, listener: (error: SshError) => void) => void
  readonly sftp: (done: (error: SshError | undefined, sftp: SftpClient) => void) => void
  readonly setNoDelay: (on: boolean) => void
  readonly end: () => void
  readonly destroy: () => void
}

/** Attributes of a file, of version 3 of the protocol. */
export interface Attributes {
  readonly size: number
  readonly mode: number
  /** In seconds. */
  readonly mtime: number
}

/** One name in a directory. */
export interface DirectoryEntry {
  readonly filename: string
  readonly attrs: Attributes
}

/** `statvfs(3)`. */
export interface FileSystemSpace {
  readonly f_frsize: number
  readonly f_bavail: number
  readonly f_favail: number
  readonly f_files: number
  readonly f_flag: number
}

/** Receives the answer to a request: an error with the status of the server as `code`, or a value. */
export type Done<A = void> = (error: SshError | null | undefined, value: A) => void

/** An SFTP session. Handles are buffers. */
export interface SftpClient {
  readonly _extensions: Readonly<Record<string, string>>
  readonly on: (event: string, listener: (error?: SshError) => void) => void
  readonly open: (path: string, flags: string, attributes: { readonly mode: number }, done: Done<Buffer>) => void
  readonly close: (handle: Buffer, done: Done) => void
  readonly read: (
    handle: Buffer,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: Done<number>,
  ) => void
  readonly write: (
    handle: Buffer,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: Done,
  ) => void
  readonly fstat: (handle: Buffer, done: Done<Attributes>) => void
  readonly lstat: (path: string, done: Done<Attributes>) => void
  readonly stat: (path: string, done: Done<Attributes>) => void
  readonly realpath: (path: string, done: Done<string>) => void
  readonly opendir: (path: string, done: Done<Buffer>) => void
  readonly readdir: (handle: Buffer, done: Done<Array<DirectoryEntry>>) => void
  readonly mkdir: (path: string, attributes: { readonly mode: number }, done: Done) => void
  readonly unlink: (path: string, done: Done) => void
  readonly rename: (from: string, to: string, done: Done) => void
  readonly ext_openssh_rename: (from: string, to: string, done: Done) => void
  readonly ext_openssh_hardlink: (from: string, to: string, done: Done) => void
  readonly ext_openssh_fsync: (handle: Buffer, done: Done) => void
  readonly ext_openssh_statvfs: (path: string, done: Done<FileSystemSpace>) => void
}

/** The package. */
export interface Ssh2 {
  readonly Client: new () => Client
  readonly utils: { readonly parseKey: (data: Uint8Array, passphrase?: string) => ParsedKey | Error }
}

/** Loads the package. */
export const loadSsh2 = async (): Promise<Ssh2> => {
  // @ts-ignore: the package has no types
  const loaded: { readonly default: unknown } = await import("ssh2")
  return loaded.default as Ssh2
}

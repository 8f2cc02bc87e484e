/** Gathers bytes before they are sent: in memory up to a limit, beyond that in a file of this machine. */
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises"
import { join } from "node:path"
import { scratchDirectory } from "../../files/system/scratch.ts"
import type { RequestBody } from "../http/request_body.ts"

/** Bytes that are held in memory before they go to the file. */
export const MEMORY_BYTES: number = 8 << 20
const READ_BYTES = 1 << 20

/** Bytes that wait to be sent. Calls come one at a time. */
export interface Spool {
  /** Appends a copy of the bytes. Throws what the file system throws. */
  readonly append: (bytes: Uint8Array) => Promise<void>
  /** All bytes; they can be read until `discard`. */
  readonly body: () => RequestBody
  /** Removes the file. Never throws; may be called more than once. */
  readonly discard: () => Promise<void>
}

/** An empty spool. Its file gets mode 0600, in a directory of its own that only this user can enter. */
export const makeSpool = (memory: number = MEMORY_BYTES): Spool => {
  let parts: Array<Uint8Array> = []
  let held = 0
  let length = 0
  let directory: string | undefined
  let file: FileHandle | undefined

  const flush = async (): Promise<void> => {
    if (file === undefined) {
      directory = await mkdtemp(join(scratchDirectory(), "penstock-upload-"))
      file = await open(join(directory, "object"), "wx+", 0o600)
    }
    let at = length - held
    for (const part of parts) {
      for (let done = 0; done < part.length;) {
        const { bytesWritten } = await file.write(part, done, part.length - done, at + done)
        if (bytesWritten === 0) throw new Error("the file takes no more bytes")
        done += bytesWritten
      }
      at += part.length
    }
    parts = []
    held = 0
  }
  const read = async function* (): AsyncGenerator<Uint8Array> {
    const end = length - held
    for (let at = 0; at < end;) {
      const buffer = new Uint8Array(Math.min(READ_BYTES, end - at))
      const { bytesRead } = await file!.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) throw new Error("the file has become shorter")
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
    yield* parts
  }
  return {
    append: async (bytes) => {
      parts.push(bytes.slice())
      held += bytes.length
      length += bytes.length
      if (held > memory) await flush()
    },
    body: () => ({ length, parts: file === undefined ? () => parts : read }),
    discard: async () => {
      const last = file
      file = undefined
      parts = []
      await last?.close().catch(() => {})
      if (directory !== undefined) await rm(directory, { recursive: true, force: true }).catch(() => {})
    },
  }
}

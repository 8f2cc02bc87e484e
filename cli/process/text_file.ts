/** Text from a file or a program. */
import * as Effect from "effect/Effect"
import { open } from "node:fs/promises"
import { UsageError } from "./usage_error.ts"

/** The longest text that is read, in bytes: no password, key or list of patterns comes near it. */
export const TEXT_MAXIMUM: number = 16 << 20

/** Reads a text file. `what` is the role of the file, for messages. If it is not text, the error shows none of it. */
export const readText = (file: string, what: string): Effect.Effect<string, UsageError> =>
  Effect.tryPromise({
    try: () => readBytes(file),
    catch: (error) =>
      new UsageError({ message: `Cannot read the ${what} ${file}: ${(error as Error).message.split(",")[0]}` }),
  }).pipe(Effect.flatMap((bytes) => textOf(bytes, `The ${what} ${file}`)))

/** Decodes text as {@link decodeText} does. Fails if it is not text; `what` begins the message. */
export const textOf = (bytes: Uint8Array, what: string): Effect.Effect<string, UsageError> => {
  const text = decodeText(bytes)
  return text !== undefined ? Effect.succeed(text) : Effect.fail(
    new UsageError({
      message: `${what} is not text in UTF-8, nor in UTF-16 with a byte order mark: write it in one of these`,
    }),
  )
}

/**
 * Decodes UTF-8, or UTF-16 with a byte order mark. The mark is removed. Undefined if the bytes are neither: replacing
 * invalid bytes would make different passwords the same.
 */
export const decodeText = (bytes: Uint8Array): string | undefined => {
  const [first, second] = bytes
  const encoding = first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : "utf-8"
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The first buffer of {@link readBytes}, in bytes. It doubles when it is full. */
const FIRST_BUFFER = 64 << 10

/** Reads to the end. The file need not be a regular file: it may be the output of a program. */
const readBytes = async (file: string): Promise<Uint8Array> => {
  const handle = await open(file, "r")
  try {
    let bytes = new Uint8Array(FIRST_BUFFER)
    for (let length = 0;;) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null)
      length += bytesRead
      if (bytesRead === 0) return bytes.subarray(0, length)
      if (length > TEXT_MAXIMUM) throw new Error(`it is longer than ${TEXT_MAXIMUM >> 20} MiB`)
      if (length === bytes.length) {
        const longer = new Uint8Array(length * 2)
        longer.set(bytes)
        bytes = longer
      }
    }
  } finally {
    await handle.close()
  }
}

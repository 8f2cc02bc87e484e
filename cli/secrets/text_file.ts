/** Text that a file or a program gives. */
import * as Effect from "effect/Effect"
import { open } from "node:fs/promises"
import { UsageError } from "../process/usage_error.ts"

/** No password, key or list of patterns is longer, in bytes. */
export const TEXT_MAXIMUM: number = 16 << 20

/** The text of a file; `what` is what the file is to the user. Fails, without showing any of it, when it is no text. */
export const readText = (file: string, what: string): Effect.Effect<string, UsageError> =>
  Effect.tryPromise({
    try: () => readBytes(file),
    catch: (error) =>
      new UsageError({ message: `Cannot read the ${what} ${file}: ${(error as Error).message.split(",")[0]}` }),
  }).pipe(Effect.flatMap((bytes) => textOf(bytes, `The ${what} ${file}`)))

/** What {@link decodeText} gives. Fails when it is no text; `what` begins the sentence. */
export const textOf = (bytes: Uint8Array, what: string): Effect.Effect<string, UsageError> => {
  const text = decodeText(bytes)
  return text !== undefined ? Effect.succeed(text) : Effect.fail(
    new UsageError({
      message: `${what} is not text in UTF-8, nor in UTF-16 with a byte order mark: write it in one of these`,
    }),
  )
}

/**
 * UTF-8, or UTF-16 when a byte order mark says so; without the mark. Undefined when it is neither: a byte that is put
 * in place of another could make a password into one that others have.
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

/** Reads on to the end, also what is no regular file, such as the output of a program. */
const readBytes = async (file: string): Promise<Uint8Array> => {
  const handle = await open(file, "r")
  try {
    let bytes = new Uint8Array(64 << 10)
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

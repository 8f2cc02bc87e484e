/** Types of files, from the mode that the server gives. */
import type { Attributes } from "./ssh2.ts"

const TYPE = 0o170000

/** Whether it is a regular file. */
export const isFile = ({ mode }: Attributes): boolean => (mode & TYPE) === 0o100000

/** Whether it is a directory. */
export const isDirectory = ({ mode }: Attributes): boolean => (mode & TYPE) === 0o040000

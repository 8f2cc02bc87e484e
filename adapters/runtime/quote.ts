/** Quotes text for a shell. */

/** Makes one word of a POSIX shell from a text, in quotes when it needs them. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./][\w@%+=:,./~-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

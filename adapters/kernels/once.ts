/**
 * Runs a look at this machine when it is first needed, and remembers the answer while the process (or thread) lives:
 * which modules load and which ciphers exist does not change meanwhile. When the look throws, the next call looks
 * again.
 */
export const once = <A>(look: () => A): () => A => {
  let found: { readonly answer: A } | undefined
  return () => (found ??= { answer: look() }).answer
}

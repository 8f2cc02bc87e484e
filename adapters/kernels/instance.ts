/** Instances of the WebAssembly modules of this folder. */
import { once } from "./once.ts"

/**
 * Gives a function that makes instances of a module, each with memory of its own. They are undefined where WebAssembly
 * is missing, forbidden or out of memory. The module is compiled once in each thread.
 */
export const instancesOf = <Exports>(base64: string): () => Exports | undefined => {
  const compiled = once(() => {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
    return new WebAssembly.Module(bytes)
  })
  return () => {
    try {
      return new WebAssembly.Instance(compiled()).exports as Exports
    } catch {
      return undefined
    }
  }
}

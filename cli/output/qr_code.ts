/** QR codes as text. */
import { encodeQR } from "qr"

/** Empty modules around a code: ISO/IEC 18004 asks for four. */
const BORDER = 4

/**
 * The lines of a QR code, to be printed in black on white with a font of fixed width: a sign is two modules, one above
 * the other. Undefined if the text is too long for any code.
 */
export const qrLines = (text: string): ReadonlyArray<string> | undefined => {
  let modules: ReadonlyArray<ReadonlyArray<boolean>>
  try {
    modules = encodeQR(text, "raw", { ecc: "low", border: BORDER })
  } catch {
    return undefined
  }
  const lines: Array<string> = []
  for (let y = 0; y < modules.length; y += 2) {
    const [above, below] = [modules[y]!, modules[y + 1]]
    const signs = above.map((dark, x) => below?.[x] === true ? dark ? "█" : "▄" : dark ? "▀" : " ")
    lines.push(signs.join("").trimEnd())
  }
  return lines
}

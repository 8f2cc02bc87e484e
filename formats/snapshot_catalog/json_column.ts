/** JSON in columns: written as text, read as text or in SQLite's binary form. */

/** The longest value that is read, in bytes. */
const MAXIMUM_BYTES = 1 << 20

/** SQL for a JSON column as text. A value that is too long becomes text that is no JSON. */
export const jsonColumn = (column: string): string =>
  `CASE WHEN length(${column}) > ${MAXIMUM_BYTES} THEN '!'` +
  ` WHEN typeof(${column}) = 'blob' THEN json(${column}) ELSE ${column} END`

/** The value of a column from {@link jsonColumn}: undefined if it is no JSON, null for NULL. */
export const parseColumn = (value: unknown): unknown => {
  if (typeof value !== "string") return typeof value === "number" || value === null ? value : undefined
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

/** The fields of a JSON object from {@link jsonColumn}: none for NULL, undefined if it is no object. */
export const objectColumn = (value: unknown): Readonly<Record<string, unknown>> | undefined => {
  const parsed = parseColumn(value)
  if (parsed === null) return {}
  return typeof parsed === "object" && !Array.isArray(parsed) ? parsed as Record<string, unknown> : undefined
}

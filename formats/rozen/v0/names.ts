/** Names of the objects of version 0. */

/** `DATA/<xx>/<64 hex>.roz`, from the hex ID of the content. */
export const contentObject = (id: string): string => `DATA/${id.slice(0, 2)}/${id}.roz`

const CONTENT = /^DATA\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\.roz$/

/** The hex ID of the content that an object of this name holds; undefined when it is not such an object. */
export const contentName = (name: string): string | undefined => CONTENT.exec(name)?.[2]

/** `INDEX/<NN>.idx`: 00 to 99, then 100 and so on. */
export const indexObject = (number: number): string => `INDEX/${String(number).padStart(2, "0")}.idx`

const INDEX = /^INDEX\/(\d{2}|[1-9]\d{2,14})\.idx$/

/** The number of an index object; undefined when it is none. */
export const indexNumber = (name: string): number | undefined => {
  const digits = INDEX.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** Directory of the log of a run, from the hex ID of its snapshot. */
export const logDirectory = (snapshot: string): string => `DATA/${snapshot.slice(0, 2)}.roz-log/`

/** `DATA/<xx>.roz-log/<NNNN>.roz-log`: 0000 to 9999, then 10000 and so on. */
export const logObject = (snapshot: string, number: number): string =>
  `${logDirectory(snapshot)}${String(number).padStart(4, "0")}.roz-log`

const LOG = /^DATA\/[0-9a-f]{2}\.roz-log\/(\d{4}|[1-9]\d{4,14})\.roz-log$/

/** The number of a log object in its directory; undefined when it is none. */
export const logNumber = (name: string): number | undefined => {
  const digits = LOG.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

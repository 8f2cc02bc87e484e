/** The URLs of requests. */
import type { S3Location } from "./location.ts"

/**
 * The URL of an object, or of the bucket without `key`. On AWS the bucket is in the name of the host if the certificate
 * matches that; for all others it is in the path.
 */
export const requestUrl = (
  location: S3Location,
  region: string,
  key: string | undefined,
  query: Readonly<Record<string, string>> = {},
): string => {
  const { bucket, endpoint } = location
  const host = `s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`
  const origin = new URL(endpoint ?? `https://${host}`)
  const inPath = location.pathStyle ?? (endpoint !== undefined || !/^[a-z0-9-]+$/.test(bucket))
  const path = (key ?? "").split("/").map(encode).join("/")
  const parameters = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&")
  return `${origin.protocol}//${inPath ? origin.host : `${bucket}.${origin.host}`}/${
    inPath ? `${bucket}${path === "" ? "" : "/"}` : ""
  }${path}${parameters === "" ? "" : `?${parameters}`}`
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

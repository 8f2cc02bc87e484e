/**
 * Locations of stores in S3: `s3://bucket/prefix`, or `s3:https://host:port/bucket/prefix` as restic writes it, with
 * settings as a query.
 */
import { StoreError } from "../../../stages/store/store.ts"

/** Where objects are kept, and how. Holds no secrets. */
export interface S3Location {
  readonly bucket: string
  /** What the key of every object begins with: empty, or a path that ends with a slash. */
  readonly prefix: string
  /** `https://host:port` of a server; absent for AWS. */
  readonly endpoint?: string
  readonly region?: string
  /** Whether the bucket is in the path, not in the name of the host. */
  readonly pathStyle?: boolean
  readonly storageClass?: string
  readonly encryption?: string
  readonly encryptionKey?: string
  readonly profile?: string
  /** `first`: the bucket keeps versions, and the first of each object counts. */
  readonly versions?: "first"
}

const PARAMETERS = [
  "endpoint",
  "region",
  "path-style",
  "storage-class",
  "sse",
  "sse-kms-key-id",
  "profile",
  "versions",
] as const
type Parameter = (typeof PARAMETERS)[number]

/** Keys have up to 1,024 bytes. Names of objects take up to 512 of them, and what claims add takes 100. */
const PREFIX_BYTES = 384

// Messages do not repeat the location, because it may hold a secret by mistake.
const invalid = (why: string, cause?: unknown): StoreError =>
  new StoreError({
    reason: "invalid",
    object: "",
    message: `The location of the S3 store is not understood: ${why}`,
    cause,
  })

const NO_SECRETS = "it holds credentials, and locations are shown to everybody; set AWS_ACCESS_KEY_ID and " +
  "AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws with profile=NAME"

/** An endpoint as `https://host:port`. */
export const endpointOf = (text: string): string => {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw invalid(`its endpoint is not a URL; write https://host:port`)
  }
  if (url.username !== "" || url.password !== "") throw invalid(NO_SECRETS)
  if (!/^https?:$/.test(url.protocol)) {
    throw invalid(`its endpoint is neither https: nor http:; write https://host:port`)
  }
  if (url.search !== "" || url.hash !== "" || url.pathname !== "/") {
    throw invalid(`its endpoint has a path or query; write https://host:port only`)
  }
  return url.origin
}

/** For a host of AWS, the region that its name contains, if any. Undefined for other hosts. */
const awsHost = (host: string): { readonly region?: string } | undefined => {
  const match = /^s3(?:[.-](?:dualstack\.)?([a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?$/.exec(host)
  if (match === null) return undefined
  const region = match[1]
  return region === undefined || region === "dualstack" || region === "external-1" ? {} : { region }
}

const isParameter = (name: string): name is Parameter => PARAMETERS.some((known) => known === name)

const parametersOf = (query: string): Partial<Record<Parameter, string>> => {
  const found: Partial<Record<Parameter, string>> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    if (/secret|access.?key|token|password|credential|signature/i.test(name)) throw invalid(NO_SECRETS)
    if (!isParameter(name)) throw invalid(`"${name}" is not a setting; the settings are ${PARAMETERS.join(", ")}`)
    if (found[name] !== undefined) throw invalid(`"${name}" is given twice`)
    if (value === "" || !/^[\x21-\x7e]+$/.test(value)) {
      throw invalid(`the value of "${name}" is empty or not plain text`)
    }
    found[name] = value
  }
  return found
}

const bucketOf = (text: string): string => {
  if (text.includes("@")) throw invalid(NO_SECRETS)
  if (text === "") throw invalid(`it names no bucket; write s3://bucket/prefix or s3:https://host:port/bucket/prefix`)
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{2,62}$/.test(text)) {
    throw invalid(`"${text}" cannot be the name of a bucket: 3 to 63 letters, digits, dots and hyphens`)
  }
  return text
}

const prefixOf = (path: string): string => {
  let text: string
  try {
    text = decodeURIComponent(path)
  } catch {
    throw invalid(`"%" in its path is not followed by two hexadecimal digits; write %25 for the sign itself`)
  }
  const components = text.split("/").filter((component) => component !== "")
  // deno-lint-ignore no-control-regex
  if (components.some((component) => component === "." || component === ".." || /[\0-\x1f\x7f\\]/.test(component))) {
    throw invalid(`its path has a component that no prefix can have: ".", "..", a backslash or a control character`)
  }
  const prefix = components.map((component) => `${component}/`).join("")
  if (new TextEncoder().encode(prefix).length > PREFIX_BYTES) {
    throw invalid(`its prefix is longer than ${PREFIX_BYTES} bytes`)
  }
  return prefix
}

/** Reads a location. Throws a {@link StoreError} with reason `invalid`, which never repeats the whole location. */
export const parseS3Location = (location: string): S3Location => {
  if (location.includes("#")) throw invalid(`it has a "#"; write %23 for the sign itself`)
  const cut = location.indexOf("?")
  const given = parametersOf(cut < 0 ? "" : location.slice(cut + 1))
  const path = (cut < 0 ? location : location.slice(0, cut)).replace(/^s3:/i, "")
  // Refused before a message repeats any part: a secret with slashes makes the text before the "@" look like a host or
  // bucket.
  const start = path.replace(/^https?:/i, "").replace(/^\/\//, "")
  if (/^(?!\[)(?:[^/:]*@|[^/:]*:(?!\d{1,5}(?:\/|$)))/.test(start)) throw invalid(NO_SECRETS)
  let host: string | undefined
  let rest: string
  if (path.startsWith("//")) {
    rest = path.slice(2)
  } else {
    const match = /^(?:(https?):\/\/)?([^/]*)(?:\/(.*))?$/is.exec(path)
    if (match === null || match[2] === "") {
      throw invalid(`write s3://bucket/prefix or s3:https://host:port/bucket/prefix`)
    }
    host = `${match[1] ?? "https"}://${match[2]}`
    rest = match[3] ?? ""
    if (given.endpoint !== undefined) throw invalid(`it names its server twice; leave "endpoint" out`)
  }
  const slash = rest.indexOf("/")
  const bucket = bucketOf(slash < 0 ? rest : rest.slice(0, slash))
  const prefix = prefixOf(slash < 0 ? "" : rest.slice(slash + 1))
  const named = host ?? given.endpoint
  const origin = named === undefined ? undefined : endpointOf(named)
  const aws = origin === undefined ? {} : awsHost(new URL(origin).host)
  if (aws !== undefined && origin?.startsWith("http:")) throw invalid(`AWS is reached by https: only`)
  const endpoint = aws === undefined ? origin : undefined
  const region = given.region ?? aws?.region
  if (region !== undefined && !isRegion(region)) throw invalid(`"${region}" cannot be the name of a region`)
  const style = given["path-style"]
  if (style !== undefined && style !== "true" && style !== "false") throw invalid(`"path-style" is true or false`)
  const sse = given.sse
  if (sse !== undefined && !["AES256", "aws:kms", "aws:kms:dsse"].includes(sse)) {
    throw invalid(`"sse" is AES256, aws:kms or aws:kms:dsse`)
  }
  if (given["sse-kms-key-id"] !== undefined && !sse?.startsWith("aws:kms")) {
    throw invalid(`"sse-kms-key-id" needs sse=aws:kms`)
  }
  if (given.versions !== undefined && given.versions !== "first") throw invalid(`"versions" is first`)
  const set = <K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } =>
    value === undefined ? {} : { [key]: value } as { readonly [P in K]: string }
  return {
    bucket,
    prefix,
    ...set("endpoint", endpoint),
    ...set("region", region),
    ...(style === undefined ? {} : { pathStyle: style === "true" }),
    ...set("storageClass", given["storage-class"]),
    ...set("encryption", sse),
    ...set("encryptionKey", given["sse-kms-key-id"]),
    ...set("profile", given.profile),
    ...(given.versions === undefined ? {} : { versions: "first" }),
  }
}

/** Whether this can be the name of a region. It becomes part of the name of a host. */
export const isRegion = (text: string): boolean => /^[a-z0-9][a-z0-9-]{0,39}$/i.test(text)

/** The location as text for messages, without its settings. */
export const showS3Location = ({ bucket, endpoint, prefix }: S3Location): string => {
  const path = `${bucket}${prefix === "" ? "" : `/${prefix.slice(0, -1)}`}`
  return endpoint === undefined ? `s3://${path}` : `s3:${endpoint}/${path}`
}

/** The key of the object `name` in the bucket. */
export const s3Key = ({ prefix }: S3Location, name: string): string => `${prefix}${name}`

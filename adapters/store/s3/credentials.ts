/** Credentials, region and endpoint: from the environment, else from the files that AWS's own tools read. */
import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { StoreError } from "../../../stages/store/store.ts"
import { variable } from "../../runtime/variable.ts"
import { endpointOf, isRegion, type S3Location, showS3Location } from "./location.ts"

/** The credentials that requests are signed with. */
export interface S3Credentials {
  readonly accessKey: Redacted.Redacted<string>
  readonly secretKey: Redacted.Redacted<string>
  readonly sessionToken?: Redacted.Redacted<string>
}

/** Gives credentials that are valid now. `fresh`: the server has called the last ones expired. */
export interface CredentialSource {
  readonly get: (fresh: boolean) => Effect.Effect<S3Credentials, StoreError>
  /** Whether `fresh` can give other credentials. */
  readonly renews: boolean
}

/** The value of the first of these variables that is not empty. */
const firstOf = (...names: ReadonlyArray<string>): string | undefined =>
  names.map(variable).find((value) => value !== undefined && value !== "")

const credentialsOf = (
  given: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined },
): S3Credentials => ({
  accessKey: Redacted.make(given.accessKeyId),
  secretKey: Redacted.make(given.secretAccessKey),
  ...(given.sessionToken === undefined ? {} : { sessionToken: Redacted.make(given.sessionToken) }),
})

const NEEDED = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile of ~/.aws"

// The thrown error is not kept as the cause: it can quote the output of a program that prints credentials.
const noCredentials = (location: S3Location, thrown: unknown): StoreError => {
  const said = thrown instanceof Error ? thrown.message : ""
  const missing = thrown instanceof Error && "code" in thrown &&
    (thrown.code === "ERR_MODULE_NOT_FOUND" || thrown.code === "MODULE_NOT_FOUND")
  const why = missing
    ? `set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or install the optional package ` +
      `@aws-sdk/credential-provider-node`
    : /\bSSO\b/i.test(said)
    ? `the single sign-on session has ended; run aws sso login`
    : location.profile !== undefined
    ? `the profile "${location.profile}" of ~/.aws gives none; check its name and settings`
    : NEEDED
  return new StoreError({
    reason: "denied",
    object: "",
    message: `No credentials for ${showS3Location(location)}: ${why}`,
  })
}

const loadChain = async (profile: string | undefined) => {
  const { defaultProvider } = await import("@aws-sdk/credential-provider-node")
  return defaultProvider(profile === undefined ? {} : { profile })
}

/**
 * The credentials for a location. A profile that the location names comes first, then the keys in the environment, then
 * AWS's chain: `AWS_PROFILE` and the files of ~/.aws (with single sign-on, roles, and programs that print credentials),
 * web identity, containers and instances. Throws a {@link StoreError} for a variable that is not text.
 */
export const credentialSource = (location: S3Location): CredentialSource => {
  const accessKeyId = firstOf("AWS_ACCESS_KEY_ID")
  const secretAccessKey = firstOf("AWS_SECRET_ACCESS_KEY")
  if (location.profile === undefined && accessKeyId !== undefined && secretAccessKey !== undefined) {
    const found = credentialsOf({ accessKeyId, secretAccessKey, sessionToken: firstOf("AWS_SESSION_TOKEN") })
    return { get: () => Effect.succeed(found), renews: false }
  }
  let chain: ReturnType<typeof loadChain> | undefined
  return {
    renews: true,
    get: (fresh) =>
      Effect.tryPromise({
        try: async () => credentialsOf(await (await (chain ??= loadChain(location.profile)))({ forceRefresh: fresh })),
        catch: (thrown) => noCredentials(location, thrown),
      }),
  }
}

/** The `name = value` lines of a profile's section in ~/.aws/config. None if there is no such file. */
const profileSettings = (profile: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  const path = firstOf("AWS_CONFIG_FILE") ?? join(homedir(), ".aws", "config")
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch {
    return found
  }
  let inside = false
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(?:profile\s+)?["']?([^\]"']*?)["']?\s*\]/.exec(line)?.[1]
    if (section !== undefined) inside = section === profile
    const setting = /^([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line)
    if (inside && setting !== null && setting[2] !== "") found.set(setting[1]!, setting[2]!)
  }
  return found
}

/**
 * Adds region and endpoint to a location that does not name them, from variables or the profile. Throws a
 * {@link StoreError}.
 */
export const withEnvironment = (location: S3Location): S3Location => {
  const settings = profileSettings(location.profile ?? firstOf("AWS_PROFILE") ?? "default")
  const endpoint = location.endpoint ?? firstOf("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") ??
    settings.get("endpoint_url")
  const region = location.region ?? firstOf("AWS_REGION", "AWS_DEFAULT_REGION") ?? settings.get("region")
  if (region !== undefined && !isRegion(region)) {
    throw new StoreError({
      reason: "invalid",
      object: "",
      message: `"${region}" cannot be the name of a region; check AWS_REGION and ~/.aws/config`,
    })
  }
  return {
    ...location,
    ...(endpoint === undefined ? {} : { endpoint: endpointOf(endpoint.replace(/\/+$/, "")) }),
    ...(region === undefined ? {} : { region }),
  }
}

/** Options that every command on a repository has. */

/** What they say. */
export interface CommonInput {
  readonly repo: string | undefined
  readonly passwordFile: string | undefined
  readonly json: boolean
  readonly quiet: boolean
  readonly debug: boolean
}

/** What the Sync Worker is given: bindings, variables and secrets (see wrangler.jsonc). */
import type { CfTypes } from "@livestore/sync-cf/cf-worker"

export interface Environment {
  readonly SYNC_BACKEND_DO: CfTypes.DurableObjectNamespace
  /**
   * Secret shared with the server and the Auth Worker; two, comma-separated, while it is rotated. Unset or empty, it
   * matches nothing.
   */
  readonly SERVER_BYPASS_TOKEN?: string
  /**
   * Secret with which the Auth Worker signs access tokens; two, comma-separated, while it is rotated. Unset or empty,
   * no user is let in.
   */
  readonly JWT_SECRET?: string
  /** The issuer that tokens have to name. Defaults to our Auth Worker's. */
  readonly JWT_ISSUER?: string
  /** The audience that tokens have to name. Defaults to our Auth Worker's. */
  readonly JWT_AUDIENCE?: string
  /** Where memberships are asked. Unset, no user is let in. */
  readonly AUTH_WORKER_URL?: string
  /** Service binding to the Auth Worker, preferred over its public URL where there is one. */
  readonly AUTH_WORKER?: { readonly fetch: typeof fetch }
  /** Names that the Host header may have, beside loopback ones, comma-separated. Unset: any. */
  readonly ALLOWED_HOSTS?: string
  /** How often the membership of a connected user is checked again, in milliseconds. Defaults to 60,000. */
  readonly MEMBERSHIP_RECHECK_MS?: string
}

/** The secrets that count at this moment, the newest first: none that is unset or empty. */
export const activeSecrets = (secrets: string | undefined): ReadonlyArray<string> =>
  (secrets ?? "")
    .split(",")
    .map((secret) => secret.trim())
    .filter((secret) => secret !== "")

import type { DurableObjectId } from "@cloudflare/workers-types"
import type { RegistryStub } from "./RegistryProtocol.ts"

/**
 * What the platform binds to the Worker: the variables are strings and are read in AuthConfig.ts only; the registry is
 * the one Durable Object namespace, typed by what we call on it.
 */
export interface Env {
  readonly WORKSPACE_REGISTRY: {
    idFromName(name: string): DurableObjectId
    get(id: DurableObjectId): RegistryStub
  }
  readonly [variable: string]: unknown
}

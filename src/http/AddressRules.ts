/**
 * Where requests may come from.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import { counters } from "../telemetry/Metrics.ts"
import * as ClientAddress from "./ClientAddress.ts"
import * as IpList from "./IpList.ts"
import { Refusal } from "./Refusal.ts"

export interface Options {
  readonly trustedProxies: ReadonlyArray<IpList.Network>
  /** Empty: everywhere. */
  readonly webhookAllow: ReadonlyArray<IpList.Network>
  readonly adminAllow: ReadonlyArray<IpList.Network>
  readonly deny: ReadonlyArray<IpList.Network>
}

/** The classes of requests that have a list of their own. */
export type Restricted = "webhook" | "admin"

export class AddressRules extends Context.Tag("workspace-orchestrator/http/AddressRules")<
  AddressRules,
  {
    /** The client's address, from the socket's other end and `X-Forwarded-For`. */
    readonly clientOf: (peer: string | undefined, forwardedFor: string | undefined) => string
    /** Whether the lists let administrators, or webhooks, come from there. */
    readonly allows: (what: Restricted, address: string) => boolean
    /** Why a request from there is refused, counted; undefined if it is not. */
    readonly refusal: (what: Restricted | "other", address: string) => Refusal | undefined
  }
>() {}

const rejected = counters("wso_ip_rejected_total", "Requests refused because of the address they came from", [
  "list"
])
const counts = {
  deny: rejected("ip_deny"),
  webhook: rejected("webhook_ip_allow"),
  admin: rejected("admin_ip_allow")
}

const denied = new Refusal({
  status: 403,
  code: "ADDRESS_DENIED",
  message: "Requests from this address are refused."
})

const notAllowed = new Refusal({
  status: 403,
  code: "ADDRESS_NOT_ALLOWED",
  message: "This is not allowed from this address."
})

const make = ({ adminAllow, deny, trustedProxies, webhookAllow }: Options): typeof AddressRules.Service => {
  const isDenied = IpList.matcher(deny)
  const allowed = { admin: IpList.matcher(adminAllow), webhook: IpList.matcher(webhookAllow) }
  const isOpen = { admin: adminAllow.length === 0, webhook: webhookAllow.length === 0 }
  const allows = (what: Restricted, address: string): boolean => isOpen[what] || allowed[what](address)
  return {
    clientOf: ClientAddress.make(trustedProxies),
    allows,
    refusal: (what, address) => {
      if (isDenied(address)) {
        counts.deny.add()
        return denied
      }
      if (what === "other" || allows(what, address)) return undefined
      counts[what].add()
      return notAllowed
    }
  }
}

export const layer = (options: Options): Layer.Layer<AddressRules> =>
  Layer.succeed(AddressRules, make(options))

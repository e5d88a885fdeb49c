/**
 * What stands before every route: who is asking from where, and whether it may be asked now. It looks at the first
 * segment of a path only, which is a literal in every route, so that no spelling of a path leads around it.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type { HttpServerResponse } from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Administration } from "../orchestration/Administration.ts"
import { AddressRules } from "./AddressRules.ts"
import { Administrators } from "./Administrators.ts"
import { answer } from "./Answer.ts"
import * as HostNames from "../transport/HostNames.ts"
import { LOCKDOWN_PATH } from "./api/SecurityApi.ts"
import { Knocks } from "./Knocks.ts"
import { Limits, tooMany } from "./Limits.ts"
import { badRequest, notFound, Refusal } from "./Refusal.ts"

/** `probe`: what load balancers, process managers and scrapers ask, which must hear an answer in any flood. */
export type RouteClass = "webhook" | "admin" | "chatops" | "probe" | "read"

const PROBES: ReadonlySet<string> = new Set(["/health/live", "/health/ready", "/metrics"])

/** A request line may have the whole URL, which the router would cut in a way of its own. */
const originForm = (url: string): string => {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, "")
  return path.startsWith("/") || path === "*" ? path : `/${path}`
}

/** The router takes what is behind each of these for the query. */
const pathOf = (url: string): string => url.split(/[?;#]/, 1)[0] ?? "/"

/** None for what cannot be a route. The router decodes `/%61dmin`; nobody who means well writes it so. */
export const classOf = (path: string): Option.Option<RouteClass> => {
  const first = path.split("/", 2)[1] ?? ""
  if (first.includes("%")) return Option.none()
  if (first === "webhooks") return Option.some("webhook")
  if (first === "admin") return Option.some("admin")
  if (first === "chatops") return Option.some("chatops")
  return Option.some(PROBES.has(path) ? "probe" : "read")
}

/**
 * What limits a class here. Webhooks and chat commands are limited by their handlers, which know whether the sender has
 * proved who it is; a probe has no limit.
 */
const LIMITERS = { admin: "admin", read: "read" } as const

/** What a sender that meets a lockdown is told to wait, in seconds: outboxes keep what they could not deliver. */
const RETRY_AFTER_LOCKDOWN_SECONDS = 60

const lockedDown = (since: string): Refusal =>
  new Refusal({
    status: 503,
    code: "LOCKED_DOWN",
    message: "The server is locked down: nothing is changed from outside until the lockdown is lifted.",
    retryAfterSeconds: RETRY_AFTER_LOCKDOWN_SECONDS,
    details: { lockedDownSince: since }
  })

/** Whatever is not asked with these may change something. */
const READING: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

/** The classes that a lockdown keeps out whole. A chat may still ask: ChatOps itself refuses what would change anything. */
const CHANGING: ReadonlySet<RouteClass> = new Set(["webhook", "admin"])

/** Whether a lockdown keeps this from its route. Asking for the lockdown itself, or lifting it, passes. */
const isMutation = (method: string, path: string, routeClass: RouteClass): boolean =>
  CHANGING.has(routeClass) && !READING.has(method) && !isLockdown(path)

const isLockdown = (path: string): boolean => path.replace(/\/$/, "") === LOCKDOWN_PATH

const misdirected = new Refusal({
  status: 421,
  code: "MISDIRECTED_REQUEST",
  message: "This server does not answer to that host name: ALLOWED_HOSTS names those that it does."
})

const notEncoded = badRequest("The path is not percent-encoded UTF-8.")

const isEncoded = (path: string): boolean => {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

/** The host that a request line with a whole URL names; it counts beside the header. */
const authorityOf = (url: string): string | undefined => /^https?:\/\/([^/?#]*)/i.exec(url)?.[1]

export interface Options {
  /** Names that the `Host` header may have, beside loopback ones. Empty: any. */
  readonly hosts: ReadonlyArray<string>
}

/** The app behind the gate; it sees the client's address as the request's own. */
export const make = Effect.fnUntraced(function* ({ hosts }: Options) {
  const isKnownHost = HostNames.matcher(hosts)
  const answersTo = (host: string): boolean => hosts.length === 0 || isKnownHost(host)
  const addresses = yield* AddressRules
  const limits = yield* Limits
  const administration = yield* Administration
  const administrators = yield* Administrators
  const knocks = yield* Knocks

  /** An administrator has an allowance that strangers behind the same address cannot use up, and locks down at any rate. */
  const waitMs = (routeClass: RouteClass, path: string, address: string, isProven: boolean) => {
    if (routeClass !== "admin" && routeClass !== "read") return Effect.succeed(0)
    const limiter = LIMITERS[routeClass]
    if (!isProven) return limits.take(limiter, address)
    return isLockdown(path) ? Effect.succeed(0) : limits.takeProven(limiter, address)
  }

  const admit = (method: string, path: string, address: string, isProven: boolean) =>
    Effect.gen(function* () {
      const routeClass = classOf(path)
      const restricted = Option.getOrElse(routeClass, () => "read" as const)
      const refusal = addresses.refusal(
        restricted === "admin" || restricted === "webhook" ? restricted : "other",
        address
      )
      if (refusal !== undefined) {
        const reason = refusal.code === "ADDRESS_DENIED" ? "denied" : "not-allowed"
        yield* knocks.knocked({ door: "address", reason, address, path })
        return yield* refusal
      }
      const retryAfterMs = yield* waitMs(restricted, path, address, isProven)
      if (retryAfterMs > 0) {
        yield* knocks.knocked({ door: "address", reason: "rate-limited", address, path })
        return yield* tooMany("TOO_MANY_REQUESTS", "requests from this address", retryAfterMs)
      }
      if (!isEncoded(path)) return yield* notEncoded
      if (Option.isNone(routeClass)) return yield* notFound
      const lockdown = administration.lockdown()
      if (lockdown !== null && isMutation(method, path, restricted)) return yield* lockedDown(lockdown.since)
    })

  return <R>(app: Effect.Effect<HttpServerResponse, never, R>) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const url = originForm(request.url)
      const named = [request.headers["host"] ?? "", authorityOf(request.url)]
      const isMisdirected = named.some((host) => host !== undefined && !answersTo(host))
      const address = addresses.clientOf(
        Option.getOrUndefined(request.remoteAddress),
        request.headers["x-forwarded-for"]
      )
      const isProven = administrators.isProven(request.headers)
      const admitted = isMisdirected
        ? Effect.fail(misdirected)
        : Effect.zipRight(admit(request.method, pathOf(url), address, isProven), app)
      return yield* Effect.provideService(
        answer(admitted),
        HttpServerRequest.HttpServerRequest,
        request.modify({ url, remoteAddress: address })
      )
    })
})

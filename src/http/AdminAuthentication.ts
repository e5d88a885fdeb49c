/**
 * Whether a request comes from an administrator: `Authorization: Bearer <token>` or `X-Server-Token: <token>`.
 */
import * as Redacted from "effect/Redacted"
import { matcher } from "./Secrets.ts"

export type AdminHeaders = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** The token of a Bearer credential; another scheme has none. */
const bearerOf = (authorization: string): string => /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? ""

/** A test of request headers (names in lower case) for these tokens; without a token nobody is an administrator. */
export const make = (tokens: ReadonlyArray<Redacted.Redacted>): ((headers: AdminHeaders) => boolean) => {
  const isToken = matcher(tokens.map(Redacted.value))
  return (headers) => {
    const authorization = headers["authorization"]
    const serverToken = headers["x-server-token"]
    const byBearer = isToken(typeof authorization === "string" ? bearerOf(authorization) : "")
    const byHeader = isToken(typeof serverToken === "string" ? serverToken : "")
    return byBearer || byHeader
  }
}

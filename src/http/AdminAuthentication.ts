/**
 * Whether a request comes from an administrator: `Authorization: Bearer <token>` or `X-Server-Token: <token>`.
 */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { matcher } from "./Secrets.ts"

export type AdminHeaders = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** The token of a Bearer credential; another scheme has none. */
const bearerOf = (authorization: string): string => /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? ""

/** Whether anything is presented that could be a token. */
export const isPresented = (headers: AdminHeaders): boolean =>
  headers["authorization"] !== undefined || headers["x-server-token"] !== undefined

/**
 * A test of request headers (names in lower case) for these tokens: which of them is presented, by its place. Without a
 * token nobody is an administrator.
 */
export const make = (
  tokens: ReadonlyArray<Redacted.Redacted>
): ((headers: AdminHeaders) => Option.Option<number>) => {
  const tokenOf = matcher(tokens.map(Redacted.value))
  return (headers) => {
    const authorization = headers["authorization"]
    const serverToken = headers["x-server-token"]
    const byBearer = tokenOf(typeof authorization === "string" ? bearerOf(authorization) : "")
    const byHeader = tokenOf(typeof serverToken === "string" ? serverToken : "")
    return Option.orElse(byBearer, () => byHeader)
  }
}

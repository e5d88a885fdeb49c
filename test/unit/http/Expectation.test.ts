import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import fc from "fast-check"
import { PauseBody, ReconcileQuery } from "../../../src/http/api/AdminApi.ts"
import { MessagesQuery } from "../../../src/http/api/MessagesApi.ts"
import { StoresQuery } from "../../../src/http/api/StoresApi.ts"
import { WorkspaceEvent } from "../../../src/http/api/WebhooksApi.ts"
import { describeIssue } from "../../../src/http/Expectation.ts"

const described = (value: unknown): string | undefined => {
  const result = Schema.decodeUnknownEither(WorkspaceEvent, { errors: "all" })(value)
  return Either.isLeft(result) ? describeIssue(result.left.issue, "the body") : undefined
}

describe("the description of a wrong input", () => {
  it("names every place and what belongs there", () => {
    expect(described({ instanceId: "x", userId: 7, timestamp: "2025-02-10T20:15:00.000Z" })).toBe(
      "event is missing; instanceId must be a workspace id: 3 to 64 letters, digits, _ and -, beginning with a letter or digit; userId must be a text of 1 to 256 characters."
    )
    expect(described([])).toBe("the body must be a JSON object.")
  })

  it("says in plain words what belongs where, and nothing of the schema", () => {
    const wordsFor = <A, I>(schema: Schema.Schema<A, I>, value: unknown): string => {
      const result = Schema.decodeUnknownEither(schema, { errors: "all" })(value)
      return Either.isLeft(result) ? describeIssue(result.left.issue, "the query") : ""
    }
    expect(wordsFor(ReconcileQuery, { storeId: "../x", dryRun: "perhaps" })).toBe(
      "storeId must be a workspace id: 3 to 64 letters, digits, _ and -, beginning with a letter or digit; dryRun must be true or false."
    )
    expect(wordsFor(StoresQuery, { limit: "0", cursor: "x".repeat(300), status: "evil" })).toBe(
      "limit must be a whole number from 1 to 10000; cursor must be a text of at most 256 characters; status must be connected, connecting, disconnected or error."
    )
    for (const limit of ["10001", "abc", "-1", ["1", "2"]]) {
      expect(wordsFor(StoresQuery, { limit })).toBe("limit must be a whole number from 1 to 10000.")
    }
    expect(wordsFor(MessagesQuery, { status: "done" })).toBe("status must be parked.")
    expect(wordsFor(PauseBody, { reason: 7, storeId: [], expiresInMs: 0 })).toBe(
      "storeId must be a workspace id: 3 to 64 letters, digits, _ and -, beginning with a letter or digit; reason must be a text of 1 to 500 characters; expiresInMs must be a whole number from 1000 to 2678400000."
    )
    expect(described({ event: "renamed", instanceId: "abc", userId: "u", timestamp: "now" })).toBe(
      "event must be workspace.created or workspace.deleted; timestamp must be a time in ISO 8601."
    )
  })

  it("never contains what was there, and never grows with it", () => {
    const marked = fc.anything().map((value) => ({ "evil-key": value, evil: "evil-value" }))
    const field = fc.oneof(fc.constant("evil-value"), fc.constant(["evil-value"]), marked, fc.integer())
    const body = fc.oneof(
      fc.record(
        { event: field, instanceId: field, userId: marked, timestamp: field, further: field },
        { requiredKeys: [] }
      ),
      marked,
      fc.constant("evil-value")
    )
    fc.assert(
      fc.property(body, (value) => {
        const text = described(value) ?? ""
        expect(text).not.toContain("evil")
        expect(text.length).toBeLessThan(600)
      })
    )
  })
})

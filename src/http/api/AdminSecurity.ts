/**
 * How an operation says that it is for administrators. HttpApi's own bearer security checks no scheme and takes a
 * missing key for an empty one (field notes), so the handlers check with AdminAuthentication instead.
 */

/** The ways to prove it, for the API's `components`. */
export const securitySchemes = {
  bearer: { type: "http", scheme: "bearer", description: "Authorization: Bearer <SERVER_BYPASS_TOKEN>" },
  serverToken: { type: "apiKey", in: "header", name: "X-Server-Token", description: "<SERVER_BYPASS_TOKEN>" }
} as const

/** For the annotation `OpenApi.Override` of an operation that takes either. */
export const adminOnly = { security: [{ bearer: [] }, { serverToken: [] }] } as const

import { Validator } from "@seriousme/openapi-schema-validator"
import { describe, expect, it } from "vitest"
import { openApiDocuments } from "../../scripts/documents.ts"
import { routes } from "../../src/auth-worker/routes.ts"

interface Operation {
  readonly operationId: string
  readonly security: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly parameters: ReadonlyArray<{ readonly in: string; readonly name: string }>
  readonly requestBody?: unknown
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}

/** The parts of a document that the tests look at. */
interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>
    readonly securitySchemes: Readonly<Record<string, unknown>>
  }
}

const parse: (text: string) => OpenApi = JSON.parse

const document = (name: string): OpenApi =>
  parse(openApiDocuments().find(({ path }) => path.endsWith(`/${name}.json`))?.text ?? "{}")

const operationsOf = ({ paths }: OpenApi) =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation }))
  )

describe.each(["server", "auth-worker"])("the OpenAPI document of the %s", (name) => {
  it("is valid OpenAPI 3.1, by a validator that is not ours", async () => {
    const { openapi, ...rest } = document(name)
    expect(openapi).toBe("3.1.0")
    expect(await new Validator().validate({ openapi, ...rest })).toEqual({ valid: true })
  })

  it("refers to nothing that it does not have", () => {
    const { components, ...rest } = document(name)
    const references = JSON.stringify({ components, ...rest }).matchAll(/"\$ref":"([^"]+)"/g)
    for (const [, reference = ""] of references) {
      expect(Object.keys(components.schemas).map((name) => `#/components/schemas/${name}`)).toContain(
        reference
      )
    }
    for (const { operation } of operationsOf({ components, ...rest })) {
      for (const way of operation.security.flatMap(Object.keys)) {
        expect(components.securitySchemes).toHaveProperty(way)
      }
    }
  })

  it("gives every operation a name of its own, an answer of success, and its path's parameters", () => {
    const operations = operationsOf(document(name))
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
    for (const { operation, path } of operations) {
      expect(Object.keys(operation.responses).some((status) => /^2/.test(status))).toBe(true)
      const named = operation.parameters.filter(({ in: place }) => place === "path").map(({ name }) => name)
      expect(named.toSorted()).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, word]) => word).toSorted())
    }
  })
})

describe("the OpenAPI document of the Auth Worker", () => {
  const described = operationsOf(document("auth-worker"))
  const lines = described.map(({ method, path }) => `${method} ${path}`)

  it("has every route of the router, and no other", () => {
    const routed = routes.map(
      ({ method, segments }) =>
        `${method} /${segments.map((segment) => segment.replace(/^:(.*)$/, "{$1}")).join("/")}`
    )
    expect(lines.toSorted()).toEqual(routed.toSorted())
  })

  it.each([
    { begins: "/internal/", way: "serverToken" },
    { begins: "/admin/", way: "operatorToken" },
    { begins: "/workspaces", way: "accessToken" },
    { begins: "/invitations", way: "accessToken" },
    { begins: "/account", way: "accessToken" },
    { begins: "/auth/", way: undefined },
    { begins: "/dev/", way: undefined },
    { begins: "/health", way: undefined }
  ])("says who may call $begins", ({ begins, way }) => {
    const concerned = described.filter(({ path }) => path.startsWith(begins))
    expect(concerned).not.toHaveLength(0)
    for (const { operation } of concerned) {
      expect(operation.security.flatMap(Object.keys)).toEqual(way === undefined ? [] : [way])
    }
  })

  it("gives every error the contract's one shape, and each body its refusals", () => {
    for (const { operation } of described) {
      const statuses = Object.keys(operation.responses)
      expect(statuses).toEqual(expect.arrayContaining(["500", "503"]))
      if (operation.requestBody !== undefined)
        expect(statuses).toEqual(expect.arrayContaining(["400", "413", "415"]))
    }
    const refusals = Object.entries(document("auth-worker").components.schemas).filter(([name]) =>
      /^[A-Z_]+(-or-[A-Z_]+)*$/.test(name)
    )
    expect(refusals.length).toBeGreaterThan(10)
    for (const [, schema] of refusals) {
      expect(schema).toMatchObject({
        required: ["error"],
        properties: { error: { required: ["code", "message", "requestId"] } }
      })
    }
  })
})

/** Effect's HttpClient, with the rule of this folder: no redirect is followed. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** A 3xx comes back as the answer that it is. Node's own clients follow none; `fetch` has to be told. */
export const withoutRedirects = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.transformResponse(
    client,
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" })
  )

/** The client of this process. */
export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, withoutRedirects)
).pipe(Layer.provide(FetchHttpClient.layer))

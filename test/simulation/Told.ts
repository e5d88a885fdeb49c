/** What an answer of the simulated Auth Worker says, for the reference that judges what the server may do about it. */
export type Told =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "NotModified" }
  | {
      readonly _tag: "Page"
      readonly isFirst: boolean
      /** Every row, and where they are, is as the contract says. */
      readonly isReadable: boolean
      readonly ids: ReadonlyArray<string>
      readonly nextCursor: string | null
      readonly revision: number | null
      readonly environmentId: string | null
      readonly total: number | null
      readonly offersGet: boolean
    }
  | {
      readonly _tag: "Changes"
      readonly since: number
      readonly changes: ReadonlyArray<{
        readonly revision: number
        readonly kind: "upsert" | "delete"
        readonly instanceId: string
      }>
      readonly revision: number
      readonly hasMore: boolean
    }
  | { readonly _tag: "ById"; readonly instanceId: string; readonly exists: boolean }

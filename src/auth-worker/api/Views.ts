/**
 * What the operations answer, as schemas. Each is annotated with the type that the code gives, so that the compiler refuses a
 * description that has fallen behind.
 */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"
import type { OperationName, OperationOutput } from "../RegistryProtocol.ts"

type Frozen<A> = { readonly [Key in keyof A]: Frozen<A[Key]> }

/** What an operation of the registry gives, as its route passes it on. */
type Output<Name extends OperationName> = Frozen<OperationOutput<Name>>

/** `2025-02-10T20:15:00.000Z` */
const IsoTime = Schema.String.annotations({
  identifier: "IsoTime",
  description: "a time in ISO 8601",
  jsonSchema: { type: "string", format: "date-time" }
})

const RoleName = Schema.String.annotations({ description: "owner, admin or member" })

const Revision = Schema.String.annotations({
  description: "a decimal number as text, which grows with every change of the set"
})

const Lineage = Schema.NullOr(Schema.String).annotations({
  description:
    "a random token of this revision: the same number with another one is another state, after a restore; null where none was kept"
})

const EnvironmentId = Schema.String.annotations({
  description: "names this database: revisions of two cannot be compared"
})

/** What a 201 answers. Another status makes another schema, which has to be told its name again. */
export const created = <A>(schema: Schema.Schema<A>, identifier: string): Schema.Schema<A> =>
  schema.annotations({ ...HttpApiSchema.annotations({ status: 201 }), identifier })

export const User: Schema.Schema<Output<"getUser">> = Schema.Struct({
  userId: Schema.String,
  email: Schema.NullOr(Schema.String)
}).annotations({ identifier: "User" })

export const Workspace: Schema.Schema<Output<"getWorkspace">> = Schema.Struct({
  instanceId: Schema.String,
  name: Schema.String,
  role: RoleName,
  isDefault: Schema.Boolean,
  createdAt: IsoTime,
  lastAccessedAt: IsoTime
}).annotations({ identifier: "Workspace", description: "a workspace as one of its members sees it" })

/** What signing up, logging in and refreshing give. */
export const grant = {
  accessToken: Schema.String,
  tokenType: Schema.Literal("Bearer"),
  expiresAt: IsoTime,
  refreshToken: Schema.String.annotations({ description: "good for one use, which gives the next" })
}

export const DevToken = Schema.Struct({
  token: Schema.String,
  tokenType: Schema.Literal("Bearer"),
  expiresAt: IsoTime,
  user: User
}).annotations({ identifier: "DevToken" })

export const Members: Schema.Schema<{ readonly members: Output<"listMembers"> }> = Schema.Struct({
  members: Schema.Array(
    Schema.Struct({
      userId: Schema.String,
      email: Schema.NullOr(Schema.String),
      role: RoleName,
      joinedAt: IsoTime
    }).annotations({ identifier: "Member" })
  )
})

const invitation = {
  invitationId: Schema.String,
  instanceId: Schema.String,
  email: Schema.String,
  role: RoleName,
  expiresAt: IsoTime
}

export const Invitations: Schema.Schema<{ readonly invitations: Output<"listInvitations"> }> = Schema.Struct({
  invitations: Schema.Array(Schema.Struct(invitation).annotations({ identifier: "Invitation" }))
})

export const NewInvitation: Schema.Schema<Output<"invite"> & { readonly token: string }> = Schema.Struct({
  ...invitation,
  token: Schema.String.annotations({ description: "in this answer and nowhere else" })
}).annotations({ identifier: "NewInvitation" })

export const DirectoryRow: Schema.Schema<Output<"getDirectoryRow">> = Schema.Struct({
  instanceId: Schema.String,
  userId: Schema.String,
  name: Schema.String,
  createdAt: IsoTime,
  lastAccessedAt: IsoTime,
  isDefault: Schema.Boolean,
  role: RoleName
}).annotations({ identifier: "DirectoryRow", description: "a workspace as one of its members has it" })

export const DirectoryPage: Schema.Schema<Output<"listDirectory">> = Schema.Struct({
  workspaces: Schema.Array(DirectoryRow).annotations({
    description: "one row per membership: a shared workspace repeats"
  }),
  metadata: Schema.Struct({
    totalUsers: Schema.Int,
    totalWorkspaces: Schema.Int,
    revision: Revision,
    environmentId: EnvironmentId,
    lineage: Lineage,
    features: Schema.Tuple(
      Schema.Literal("revision"),
      Schema.Literal("pages"),
      Schema.Literal("changes"),
      Schema.Literal("get")
    ),
    nextCursor: Schema.optionalWith(Schema.String, { exact: true }).annotations({
      description: "absent on the last page"
    })
  })
}).annotations({ identifier: "DirectoryPage" })

export const Changes: Schema.Schema<Output<"changesSince">> = Schema.Struct({
  changes: Schema.Array(
    Schema.Struct({
      revision: Revision,
      kind: Schema.Literal("upsert", "delete"),
      instanceId: Schema.String,
      workspace: Schema.optionalWith(DirectoryRow, { exact: true })
    }).annotations({ identifier: "Change" })
  ),
  revision: Revision,
  hasMore: Schema.Boolean,
  environmentId: EnvironmentId,
  lineage: Lineage
}).annotations({ identifier: "Changes" })

export const Instances: Schema.Schema<Output<"instancesOfUser">> = Schema.Struct({
  userId: Schema.String,
  instances: Schema.Array(
    Schema.Struct({
      instanceId: Schema.String,
      name: Schema.String,
      role: RoleName,
      isDefault: Schema.Boolean,
      createdAt: IsoTime
    }).annotations({ identifier: "Instance" })
  )
}).annotations({ identifier: "Instances" })

const Webhook = Schema.Struct({
  webhookId: Schema.String.annotations({ description: "webhook-id, the same at every attempt" }),
  event: Schema.String,
  instanceId: Schema.String,
  userId: Schema.String,
  status: Schema.Literal("pending", "delivered", "failed", "superseded"),
  attempts: Schema.Int,
  createdAt: IsoTime,
  nextAttemptAt: Schema.NullOr(IsoTime),
  lastAttemptAt: Schema.NullOr(IsoTime),
  lastStatus: Schema.NullOr(Schema.Int),
  lastError: Schema.NullOr(Schema.String)
}).annotations({ identifier: "Webhook" })

export const WebhookPage: Schema.Schema<Output<"listWebhooks">> = Schema.Struct({
  webhooks: Schema.Array(Webhook),
  counts: Schema.Struct({
    pending: Schema.Int,
    delivered: Schema.Int,
    failed: Schema.Int,
    superseded: Schema.Int
  }),
  enabled: Schema.Boolean.annotations({ description: "whether SERVER_WEBHOOK_URL is set" }),
  pausedUntil: Schema.NullOr(IsoTime),
  pausedBecause: Schema.NullOr(Schema.String),
  nextCursor: Schema.optionalWith(Schema.String, { exact: true })
}).annotations({ identifier: "WebhookPage" })

export const Retried: Schema.Schema<Output<"retryWebhooks">> = Schema.Struct({
  retried: Schema.Int.annotations({ description: "how many were given up and are owed again" })
}).annotations({ identifier: "Retried" })

export const Removed: Schema.Schema<Output<"deleteUser">> = Schema.Struct({
  removed: Schema.Array(Schema.String).annotations({ description: "the workspaces that ended with the user" })
}).annotations({ identifier: "Removed" })

export const Health = Schema.Struct({ status: Schema.Literal("healthy") }).annotations({
  identifier: "Health"
})

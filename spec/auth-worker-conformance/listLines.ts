import * as Effect from "effect/Effect"
import {
  demand,
  ErrorBody,
  fetched,
  idsOf,
  Instances,
  List,
  listPath,
  Row,
  sameIds,
  wholeList,
  whileUnchanged,
  decoded
} from "./Answers.ts"
import { AuthWorker } from "./AuthWorker.ts"
import { Absent, type Line } from "./Line.ts"

/** That a path answers nothing without the right token. */
const guarded = (path: string) =>
  Effect.gen(function* () {
    const worker = yield* AuthWorker
    const wrong = yield* worker.get(path, { token: "wrong" })
    yield* demand(wrong.status === 403, `a wrong token must be answered with 403, was ${wrong.status}`)
    for (const token of ["none", "empty"] as const) {
      const { status } = yield* worker.get(path, { token })
      yield* demand(
        status === 401 || status === 403,
        `${token} token must be refused with 401 or 403, was ${status}`
      )
    }
  })

/** The contract's required part: the list. */
export const listLines: ReadonlyArray<Line> = [
  {
    id: "list.shape",
    part: "required",
    text: "GET /internal/workspaces answers 200 with {workspaces:[…]}; a row has an instanceId, and known fields have their types",
    check: Effect.asVoid(wholeList)
  },
  {
    id: "list.token",
    part: "required",
    text: "a wrong token is answered with 403, and none or an empty one is refused",
    check: guarded(listPath)
  },
  {
    id: "list.memberships",
    part: "required",
    text: "there is one row per membership: no user has the same workspace twice",
    check: Effect.gen(function* () {
      const { workspaces } = yield* wholeList
      const pairs = workspaces.flatMap((row) =>
        row.userId === undefined ? [] : [`${row.userId} ${row.instanceId}`]
      )
      const twice = pairs.find((pair, index) => pairs.indexOf(pair) !== index)
      yield* demand(twice === undefined, `a membership is listed twice: ${twice ?? ""}`)
    })
  },
  {
    id: "list.totals",
    part: "required",
    text: "metadata.totalWorkspaces, where given, is what the list holds",
    check: Effect.gen(function* () {
      const { metadata, workspaces } = yield* wholeList
      const total = metadata?.totalWorkspaces
      if (total === undefined) return yield* new Absent({ message: "metadata.totalWorkspaces is not given" })
      const distinct = idsOf(workspaces).length
      // Auth Workers of today count rows; with shared workspaces that is more than there are workspaces.
      yield* demand(
        total === distinct || total === workspaces.length,
        `totalWorkspaces is ${total}, the list holds ${distinct} workspaces in ${workspaces.length} rows`
      )
    })
  },
  {
    id: "list.stable",
    part: "required",
    text: "asked twice while nothing changes, it answers the same set",
    check: whileUnchanged((before) =>
      Effect.gen(function* () {
        const again = yield* fetched(listPath, List)
        yield* demand(
          sameIds(idsOf(before.workspaces), idsOf(again.workspaces)),
          "two lists of one set differ"
        )
      })
    )
  }
]

const someRow = Effect.flatMap(wholeList, ({ workspaces: [row] }) =>
  row === undefined ? new Absent({ message: "there is no workspace to ask for" }) : Effect.succeed(row)
)

/** An id that nobody has: well-formed, and as long as one may be. */
const unknownId = `conformance-${"unknown".repeat(7)}`

/** The feature `get`. */
export const getLines: ReadonlyArray<Line> = [
  {
    id: "get.found",
    part: "get",
    text: "GET /internal/workspaces/:instanceId answers 200 with the row of a listed workspace",
    check: Effect.gen(function* () {
      const row = yield* someRow
      const found = yield* fetched(`${listPath}/${encodeURIComponent(row.instanceId)}`, Row)
      yield* demand(
        found.instanceId === row.instanceId,
        `asked for ${row.instanceId}, got ${found.instanceId}`
      )
    })
  },
  {
    id: "get.missing",
    part: "get",
    text: "it answers 404 with the code WORKSPACE_NOT_FOUND for a workspace that is not",
    check: Effect.gen(function* () {
      const worker = yield* AuthWorker
      const { error } = yield* decoded(yield* worker.get(`${listPath}/${unknownId}`), 404, ErrorBody)
      yield* demand(error.code === "WORKSPACE_NOT_FOUND", `the code is ${error.code}`)
    })
  },
  {
    id: "get.token",
    part: "get",
    text: "it answers nothing without the right token",
    check: guarded(`${listPath}/${unknownId}`)
  }
]

const instancesPath = (userId: string) => `/internal/users/${encodeURIComponent(userId)}/instances`

/** What a listed user's instances are answered with; absent where the path is not there. */
const offeredInstances = Effect.gen(function* () {
  const worker = yield* AuthWorker
  const row = yield* someRow
  if (row.userId === undefined) return yield* new Absent({ message: "rows name no user" })
  const exchange = yield* worker.get(instancesPath(row.userId))
  if (exchange.status === 404) return yield* new Absent({ message: "the path is not there" })
  return { exchange, instanceId: row.instanceId, userId: row.userId }
})

/** The user's workspaces, which the contract leaves open and the Sync Worker wants. */
export const instancesLines: ReadonlyArray<Line> = [
  {
    id: "instances.found",
    part: "instances",
    text: "GET /internal/users/:userId/instances answers a listed user's workspaces, with name, role, default and creation",
    check: Effect.gen(function* () {
      const asked = yield* offeredInstances
      const { instances, userId } = yield* decoded(asked.exchange, 200, Instances)
      yield* demand(userId === asked.userId, `asked for ${asked.userId}, got ${userId}`)
      yield* demand(
        idsOf(instances).includes(asked.instanceId),
        `${asked.instanceId} is listed for the user and missing here`
      )
    })
  },
  {
    id: "instances.missing",
    part: "instances",
    text: "it answers 404 for an unknown user",
    check: Effect.gen(function* () {
      const worker = yield* AuthWorker
      yield* offeredInstances
      const { status } = yield* worker.get(instancesPath(unknownId))
      yield* demand(status === 404, `expected 404, got ${status}`)
    })
  },
  {
    id: "instances.token",
    part: "instances",
    text: "it answers nothing without the right token",
    check: Effect.zipRight(offeredInstances, guarded(instancesPath(unknownId)))
  }
]

/** That the changes feed is guarded as the list is. */
export const changesToken: Line = {
  id: "changes.token",
  part: "changes",
  text: "the feed answers nothing without the right token",
  check: guarded(`${listPath}/changes?since=0`)
}

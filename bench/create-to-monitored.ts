/**
 * From a created workspace to a monitored one, on the real stack (workerd, LiveStore):
 * `npm run bench -- create`.
 *
 * Measured from the moment the create is sent until `/stores` says `monitoring`, seen by a poll every 5 ms; beside it,
 * from the same moment to the server's own log line, which the poll's cost does not blur.
 */
import { eventually } from "../test/support/Eventually.ts"
import { temporaryFolder } from "../test/support/Program.ts"
import { type RunningStack, startStack } from "../test/support/RunningStack.ts"
import { workspaceIds } from "../test/support/SickAuthWorker.ts"
import { percentile, report } from "./figures.ts"

const ONE_BY_ONE = 30
const AT_ONCE = 100
const POLL_MS = 5
const WITHIN_MS = 120_000

interface Measured {
  /** Sent, until `/stores` says so, in milliseconds. */
  readonly seen: ReadonlyArray<number>
  /** Sent, until the server has logged it. */
  readonly logged: ReadonlyArray<number>
  readonly totalMs: number
}

/** When the server logged that the workspace is monitored, in milliseconds since the epoch. */
const loggedAt = (stack: RunningStack, id: string): number => {
  const line = stack.program.log.find(
    ({ msg, storeId }) => msg === "workspace_orchestration.monitoring_started" && storeId === id
  )
  return typeof line?.["time"] === "string" ? Date.parse(line["time"]) : NaN
}

const measure = async (
  stack: RunningStack,
  ids: ReadonlyArray<string>,
  atOnce: boolean
): Promise<Measured> => {
  const sentAt = new Map<string, number>()
  const seenAt = new Map<string, number>()
  const create = (id: string) => {
    sentAt.set(id, Date.now())
    return stack.auth.create(id)
  }
  const allSeen = (awaited: ReadonlyArray<string>) =>
    eventually(
      `${awaited.length} monitored`,
      async () => {
        const monitored = new Set(await stack.server.monitored())
        const now = Date.now()
        for (const id of awaited) if (monitored.has(id) && !seenAt.has(id)) seenAt.set(id, now)
        return awaited.every((id) => seenAt.has(id))
      },
      WITHIN_MS,
      POLL_MS
    )
  const startedAt = Date.now()
  if (atOnce) await Promise.all([allSeen(ids), ...ids.map(create)])
  else for (const id of ids) await Promise.all([create(id), allSeen([id])])
  const totalMs = Date.now() - startedAt
  const since = (at: (id: string) => number) => ids.map((id) => at(id) - (sentAt.get(id) ?? NaN))
  return { seen: since((id) => seenAt.get(id) ?? NaN), logged: since((id) => loggedAt(stack, id)), totalMs }
}

const print = (name: string, { logged, seen, totalMs }: Measured) => {
  const group = "create -> monitored, real stack"
  for (const [how, values] of [
    ["/stores", seen],
    ["log", logged]
  ] as const) {
    report(group, `${name}, seen in ${how}: p50 and worst`, "ms", values)
    report(group, `${name}, seen in ${how}: p95`, "ms", percentile(values, 0.95))
  }
  report(group, `${name}: all of them`, "ms", totalMs)
}

await using folder = await temporaryFolder()
await using stack = await startStack(folder.path)
await stack.auth.create("warm-up")
await eventually("the first is monitored", async () => (await stack.server.monitored()).length === 1)

print(`${ONE_BY_ONE} one after another`, await measure(stack, workspaceIds(ONE_BY_ONE, "one-by-one"), false))
print(`${AT_ONCE} at once`, await measure(stack, workspaceIds(AT_ONCE, "at-once"), true))
stack.program.kill("SIGTERM")
await stack.program.ended

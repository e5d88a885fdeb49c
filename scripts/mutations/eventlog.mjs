/** What keeps one event, one answer and one member from stopping a workspace, each broken in one way. As in `mechanisms.mjs`. */

const unit = (file, ...names) => names.map((name) => ({ file: `test/unit/${file}.test.ts`, name }))

export const eventlog = [
  {
    part: "sync worker",
    title: "only the first event of a push is compared with the one before it",
    file: "src/sync-worker/Frame.ts",
    from: `if (seqNum !== expectedParent + 1) return Option.some({ expectedParent, parent: seqNum - 1 })`,
    to: ``,
    tests: unit("sync-worker/Frame", "a push")
  },
  {
    part: "sync worker",
    title: "any number of frames wait their turn",
    file: "src/sync-worker/Traffic.ts",
    from: `this.#waiting >= MAX_WAITING_FRAMES || `,
    to: ``,
    tests: unit("sync-worker/Traffic", "the traffic of a connection")
  },
  {
    part: "sync worker",
    title: "the pulls of one user never wait",
    file: "src/sync-worker/Traffic.ts",
    from: `return throttle(bucket)`,
    to: `return Effect.void`,
    tests: unit("sync-worker/Traffic", "the traffic of a connection")
  }
]

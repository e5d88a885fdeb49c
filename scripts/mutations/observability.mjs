/** Observability never steers, clocks that are set, and the files of the state: each broken in one way. */
const at = (file, ...names) => names.map((name) => ({ file: `test/${file}.test.ts`, name }))

const output = "src/telemetry/BoundedOutput.ts"
const supervised = "src/controller/Supervised.ts"
const database = "src/persistence/StateDatabase.ts"

export const observability = [
  {
    part: "observability",
    title: "lines that a full disk refuses are not counted",
    file: output,
    from: `    failure = code
    lose(currentLines)`,
    to: `    failure = code`,
    tests: at("unit/telemetry/BoundedOutput", "the log's output drops and counts")
  },
  {
    part: "observability",
    title: "the log waits for a slow reader without a bound",
    file: output,
    from: `if (waitingBytes + bytes.byteLength > maxBytes) {`,
    to: `if (waitingBytes < 0) {`,
    tests: at("unit/telemetry/BoundedOutput", "the log's output keeps what a slow reader")
  },
  {
    part: "observability",
    title: "the last flush tries a full device forever",
    file: output,
    from: `if (!isFull(codeOf(error)) || now() >= until) return`,
    to: `if (now() < 0) return`,
    tests: at("unit/telemetry/BoundedOutput", "the log's output writes what waits when the process ends")
  },
  {
    part: "observability",
    title: "a fiber that must never end is not started again",
    file: supervised,
    from: `const supervised = Effect.forever(life).pipe(`,
    to: `const supervised = life.pipe(`,
    tests: at("unit/controller/Supervised", "a supervised fiber")
  },
  {
    part: "observability",
    title: "a log that throws ends the supervision",
    file: supervised,
    from: `    Effect.catchAllCause(() => Effect.void)
  )`,
    to: `    Effect.catchAll(() => Effect.void)
  )`,
    tests: at("unit/controller/Supervised", "a supervised fiber runs again")
  },
  {
    part: "observability",
    title: "a loop that stands still is left so",
    file: supervised,
    from: `      yield* Fiber.interruptFork(entry.fiber)`,
    to: ``,
    tests: at("unit/controller/Supervised", "a supervised fiber is started again")
  },
  {
    part: "clocks",
    title: "a stored start in the future holds",
    file: "src/controller/Elapsed.ts",
    from: `  startedAt > now || now - startedAt >= durationMs`,
    to: `  now - startedAt >= durationMs`,
    tests: [
      ...at("unit/controller/Elapsed", "a stored deadline"),
      ...at("unit/orchestration/Pauses", "a pause of five seconds")
    ]
  },
  {
    part: "clocks",
    title: "a pause ends by the wall clock",
    file: "src/orchestration/Pauses.ts",
    from: `(endsAt.get(pause) ?? Infinity) > monotonicMsOf(clock)`,
    to: `(pause.expiresAt ?? Infinity) > clock.unsafeCurrentTimeMillis()`,
    tests: at("unit/orchestration/Pauses", "a pause of five seconds")
  },
  {
    part: "clocks",
    title: "a watcher of events to come hears nothing",
    file: "src/orchestration/EventFeed.ts",
    from: `missed.at(-1)?.id ?? Math.min(after, last)`,
    to: `missed.at(-1)?.id ?? after`,
    tests: at("unit/orchestration/EventFeed", "a watcher of the events of those to come")
  },
  {
    part: "clocks",
    title: "a message waits until a clock that was set back has caught up",
    file: "src/stores/messages/Backlog.ts",
    from: `row === undefined || row.at > now ? 0`,
    to: `row === undefined ? 0`,
    tests: at("unit/stores/messages/Backlog", "the backlog of a store hands out at once")
  },
  {
    part: "observability",
    title: "the liveness probe knows nothing of the fibers",
    file: "src/http/handlers/Health.ts",
    from: `isVital && (!isRunning || isStalled)`,
    to: `isVital && isRunning && isStalled`,
    tests: at("integration/http/api", "GET /health has probes for liveness")
  },
  {
    part: "state files",
    title: "a state file that was replaced is written on",
    file: database,
    from: `      if (lost !== null) throw new Error(lost)`,
    to: ``,
    tests: at("integration/persistence/StateFiles", "the files of the state are missed within seconds")
  },
  {
    part: "state files",
    title: "the lock is the lock file alone",
    file: database,
    from: `if (!wasThere && existsSync(path) && isOpenElsewhere(path)) {`,
    to: `if (!wasThere && existsSync(path) && path === "") {`,
    tests: at("integration/persistence/StateFiles", "the files of the state are kept from a second process")
  },
  {
    part: "state files",
    title: "the data folder stays open to others",
    file: "src/persistence/StateFiles.ts",
    from: `    chmodSync(path, mode)`,
    to: ``,
    tests: at("integration/persistence/StateFiles", "the files of the state are their owner's only")
  }
]

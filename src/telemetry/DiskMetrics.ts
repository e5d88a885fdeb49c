/** What is left of the disk that has the server's state, and how much of it the state takes. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { stat, statfs } from "node:fs/promises"
import { dirname } from "node:path"
import { gauge } from "./Metrics.ts"
import * as Supervised from "../controller/Supervised.ts"

export interface Options {
  /** The files of the state, in one folder. Those that are not there take nothing. */
  readonly stateFiles: readonly [string, ...ReadonlyArray<string>]
}

/** Disks do not fill within seconds, and a scrape must not wait for one that hangs. */
const EVERY = "15 seconds"

const free = gauge("wso_disk_free_bytes", "What this process may still write to the disk of its data folder")
const size = gauge("wso_disk_size_bytes", "The size of that disk")
const state = gauge("wso_state_bytes", "The files of the server's own state, without the stores")

const sizeOf = (path: string) =>
  Effect.tryPromise(() => stat(path)).pipe(
    Effect.map((file) => file.size),
    Effect.orElseSucceed(() => 0)
  )

/** Takes the gauges now and then, until the scope closes. Where the platform does not tell, they stay away. */
export const layer = ({ stateFiles }: Options): Layer.Layer<never> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const folder = dirname(stateFiles[0])
      const take = Effect.gen(function* () {
        const sizes = yield* Effect.forEach(stateFiles, sizeOf)
        state.set(sizes.reduce((sum, bytes) => sum + bytes, 0))
        const disk = yield* Effect.tryPromise(() => statfs(folder))
        free.set(disk.bavail * disk.bsize)
        size.set(disk.blocks * disk.bsize)
      })
      yield* Supervised.run("disk-metrics", Effect.repeat(Effect.ignore(take), Schedule.spaced(EVERY)), {
        isVital: false
      })
    })
  )

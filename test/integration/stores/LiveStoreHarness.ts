/** Opening stores through the driver in a test, and watching what they signal. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { layer, type LiveStoreOptions } from "../../../src/stores/LiveStoreDriver.ts"
import {
  type Connectivity,
  type Cursor,
  type OpenStore,
  type StoreDied,
  StoreDriver,
  type StoreEvent
} from "../../../src/stores/StoreDriver.ts"
import { bypassToken } from "../sync-worker/SyncWorkerHarness.ts"

/** An open store with everything that it has signalled. */
export interface Opened {
  readonly store: OpenStore
  readonly news: Array<Cursor>
  readonly connectivity: Array<Connectivity>
  readonly deaths: Array<StoreDied>
  readonly close: () => Promise<void>
}

/** A driver of its own, as another process would have it, with its own data folder. */
export class Client {
  readonly dataPath: string
  readonly #driver: Context.Tag.Service<typeof StoreDriver>
  readonly #scope: Scope.CloseableScope

  private constructor(
    dataPath: string,
    driver: Context.Tag.Service<typeof StoreDriver>,
    scope: Scope.CloseableScope
  ) {
    this.dataPath = dataPath
    this.#driver = driver
    this.#scope = scope
  }

  static async start(options: Partial<LiveStoreOptions> & { readonly syncUrl: string }): Promise<Client> {
    const dataPath = await mkdtemp(join(tmpdir(), "stores-"))
    const scope = await Effect.runPromise(Scope.make())
    const context = await Effect.runPromise(
      Layer.build(
        layer({
          bypassToken: Redacted.make(bypassToken),
          dataPath,
          storage: "filesystem",
          openTimeoutMs: 20_000,
          clientId: "server",
          ...options
        })
      ).pipe(Scope.extend(scope))
    )
    return new Client(dataPath, Context.get(context, StoreDriver), scope)
  }

  get driver(): Context.Tag.Service<typeof StoreDriver> {
    return this.#driver
  }

  /** Opens a store in a scope of its own, under the scope of this client. */
  async open(storeId: string): Promise<Opened> {
    const scope = await Effect.runPromise(Scope.fork(this.#scope, { _tag: "Sequential" }))
    const news: Array<Cursor> = []
    const connectivity: Array<Connectivity> = []
    const deaths: Array<StoreDied> = []
    const exit = await Effect.runPromiseExit(
      this.#driver
        .open(storeId, {
          onNews: (head) => void news.push(head),
          onConnectivity: (change) => void connectivity.push(change),
          onDeath: (death) => void deaths.push(death)
        })
        .pipe(Scope.extend(scope))
    )
    const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
    if (Exit.isSuccess(exit)) return { store: exit.value, news, connectivity, deaths, close }
    await close()
    throw exit.cause._tag === "Fail" ? exit.cause.error : new Error("open failed", { cause: exit.cause })
  }

  async stop(): Promise<void> {
    await Effect.runPromise(Scope.close(this.#scope, Exit.void))
    await rm(this.dataPath, { recursive: true, force: true })
  }
}

export const userMessage = (id: string, content = `message ${id}`) => ({
  name: "v1.UserMessageSent",
  args: { id, conversationId: "conversation", content, createdAt: new Date(0) }
})

/** The whole confirmed history that the store knows. */
export const history = (store: OpenStore): Promise<ReadonlyArray<StoreEvent>> =>
  Effect.runPromise(store.read(Option.none(), 10_000))

/** The contents of the messages that the store has heard of, in order. */
export const heard = async (store: OpenStore): Promise<ReadonlyArray<unknown>> =>
  (await history(store)).map((event) =>
    typeof event.args === "object" && event.args !== null && "id" in event.args ? event.args.id : undefined
  )

export const commit = (store: OpenStore, id: string) => Effect.runPromise(store.commit(userMessage(id)))

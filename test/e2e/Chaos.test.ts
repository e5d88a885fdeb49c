/**
 * Real workerd, real LiveStore, the built server, and a network between them that fails in every way that TCP knows. After
 * each fault: what is monitored is what exists, every message has one answer, and nothing is left behind (laws 8 and 11).
 */
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import type { Weather } from "../support/FaultyProxy.ts"
import { descriptorsOf } from "../support/ProcessTable.ts"
import { temporaryFolder } from "../support/Program.ts"
import { type RealWorld, startRealWorld } from "../support/RealWorld.ts"

const weathers: ReadonlyArray<Weather> = ["cut", "frozen", "slow", "sliced", "reset"]
/** Sockets of closed stores linger for up to half a minute, kept-alive connections come and go. */
const LINGERING = 4

const descriptors = async (world: RealWorld) => (await descriptorsOf(world.server().program.pid)).length

/** A world with four workspaces of which one has an answered message. */
const settle = async (world: RealWorld) => {
  for (const id of ["staying", "first", "second", "third"]) await world.create(id)
  await world.isWell()
  await world.write("staying", "before")
}

/** While each fault lasts, a workspace comes, another goes, and a message is written; then all is to be well. */
const surviving = async (
  world: RealWorld,
  faults: ReadonlyArray<readonly [name: string, inflict: () => unknown, lift: () => unknown]>
) => {
  let [oldest] = ["first"]
  for (const [name, inflict, lift] of faults) {
    await inflict()
    await world.create(`new-${name}`)
    await world.delete(oldest)
    await world.write("staying", `during-${name}`)
    await lift()
    await world.isWell()
    oldest = `new-${name}`
  }
}

const expectNothingWrong = async (world: RealWorld) =>
  expect(await world.wrongs()).toEqual({ missing: [], doubled: [] })

const expectNothingHeld = (world: RealWorld, before: number) =>
  eventually(
    "as few descriptors as before",
    async () => (await descriptors(world)) <= before + LINGERING,
    60_000
  )

for (const between of ["auth", "sync", "webhooks"] as const) {
  const name = { auth: "the Auth Worker", sync: "the Sync Worker", webhooks: "its webhooks" }[between]
  it(`converges after each fault of the network between the server and ${name}`, async () => {
    await using folder = await temporaryFolder()
    await using world = await startRealWorld(folder.path)
    await settle(world)
    const before = await descriptors(world)
    const proxy = world.network[between]
    let bitesBefore = 0
    await surviving(
      world,
      weathers.map((weather) => [
        weather,
        () => {
          bitesBefore = proxy.bites
          proxy.weather = weather
        },
        async () => {
          await eventually(`${weather} was felt`, () => proxy.bites > bitesBefore)
          proxy.weather = "clear"
        }
      ])
    )
    await expectNothingWrong(world)
    await expectNothingHeld(world, before)
  })
}

it("converges after the Auth Worker, the Sync Worker and the server have each been killed", async () => {
  await using folder = await temporaryFolder()
  await using world = await startRealWorld(folder.path)
  await settle(world)
  const nothing = () => undefined
  await surviving(world, [
    ["auth-worker", world.killAuthWorker, nothing],
    ["server", nothing, world.killServer],
    [
      "sync-worker",
      async () => {
        await world.sync.kill()
        await world.sync.boot()
      },
      nothing
    ],
    [
      "all",
      world.killAuthWorker,
      () => Promise.all([world.killServer(), world.sync.kill().then(() => world.sync.boot())])
    ]
  ])
  await expectNothingWrong(world)
})

/**
 * The server, with real stores, on a machine that fails: after each fault what is monitored is what exists, and every
 * message has one answer. What a machine does not allow is skipped there, and says so.
 */
import { join } from "node:path"
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import {
  canLimitDescriptors,
  canMount,
  canSetClock,
  clockFrom,
  limitDescriptors,
  setClock,
  smallDisk
} from "../support/Machine.ts"
import { descriptorsOf } from "../support/ProcessTable.ts"
import { temporaryFolder } from "../support/Program.ts"
import { type RealWorld, startRealWorld } from "../support/RealWorld.ts"

const DISK_BYTES = 16 * 1024 * 1024
const hasDisks = await canMount()

const settle = async (world: RealWorld) => {
  for (const id of ["first", "second"]) await world.create(id)
  await world.isWell()
  await world.write("first", "before")
}

const isUnwell = (world: RealWorld) =>
  eventually(
    "the fault shows in /health",
    async () => (await world.server().client.health()).status !== "healthy"
  )

const expectNothingWrong = async (world: RealWorld) =>
  expect(await world.wrongs()).toEqual({ missing: [], doubled: [] })

it.skipIf(!hasDisks)("says so when the disk is full, and converges once there is room", async () => {
  await using disk = await smallDisk(DISK_BYTES)
  await using world = await startRealWorld(disk.path)
  await settle(world)
  await disk.fillUp()
  await world.create("while-full")
  await world.write("first", "while-full")
  await isUnwell(world)
  await disk.makeRoom()
  await world.isWell()
  await expectNothingWrong(world)
  await world.killServer()
  await world.isWell()
})

it.skipIf(!hasDisks)(
  "says so when its folder can only be read, and converges once it can be written",
  async () => {
    await using disk = await smallDisk(DISK_BYTES)
    await using world = await startRealWorld(disk.path)
    await settle(world)
    await world.restartServer(() => disk.allowWriting(false))
    await world.create("while-read-only")
    await world.write("first", "while-read-only")
    await isUnwell(world)
    await world.restartServer(() => disk.allowWriting(true))
    await world.isWell()
    await expectNothingWrong(world)
  }
)

it.skipIf(!canSetClock)("converges though its clock is set two hours ahead, and back again", async () => {
  await using folder = await temporaryFolder()
  const clock = join(folder.path, "clock")
  await setClock(clock, "+0s")
  await using world = await startRealWorld(join(folder.path, "data"), {
    ...clockFrom(clock),
    STORE_CONNECTION_TIMEOUT: "1000"
  })
  await settle(world)
  for (const [name, ahead] of [
    ["ahead", "+2h"],
    ["behind", "-2h"],
    ["right", "+0s"]
  ] as const) {
    // A store waits for its next attempt, and the source is in its backoff, while the clock changes.
    world.network.sync.weather = "cut"
    await world.create(name)
    await world.write("first", `while-${name}`)
    await eventually("its store cannot be opened", async () => {
      const response = await fetch(`${world.server().client.url}/stores/${name}`)
      return (await response.text()).includes('"backoff"')
    })
    world.network.auth.weather = "cut"
    await isUnwell(world)
    await setClock(clock, ahead)
    world.network.auth.weather = "clear"
    world.network.sync.weather = "clear"
    await world.isWell()
  }
  await expectNothingWrong(world)
})

it.skipIf(!canLimitDescriptors)("converges once it may open files again", async () => {
  await using folder = await temporaryFolder()
  await using world = await startRealWorld(folder.path)
  await settle(world)
  const { pid } = world.server().program
  limitDescriptors(pid, (await descriptorsOf(pid)).length + 1)
  for (const id of ["third", "fourth", "fifth"]) await world.create(id)
  await eventually("none of them fits", async () => {
    const found = await fetch(`${world.server().client.url}/recent-errors`).then(
      (response) => response.text(),
      () => "EMFILE"
    )
    return found.includes("EMFILE") || found.includes("open")
  })
  limitDescriptors(pid, 10_000)
  await world.isWell()
  await expectNothingWrong(world)
})

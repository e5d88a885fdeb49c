/** What processes hold, from /proc: the end-to-end tests look there for what has been left behind. */
import { readdir, readFile, readlink } from "node:fs/promises"
import { connect } from "node:net"

const pids = async (): Promise<ReadonlyArray<number>> =>
  (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number)

/** The fields of /proc/<pid>/stat behind the name, which may hold anything: state, parent, group, … */
const statOf = async (pid: number): Promise<ReadonlyArray<string>> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
}

const STATE = 0
const PARENT = 1
const GROUP = 2

/** The living processes of a group. A zombie holds nothing. */
export const groupMembers = async (group: number): Promise<ReadonlyArray<number>> => {
  const members: Array<number> = []
  for (const pid of await pids()) {
    const fields = await statOf(pid)
    if (fields[GROUP] === String(group) && fields[STATE] !== "Z") members.push(pid)
  }
  return members
}

/** The workerd processes whose parent is this one. */
const workerdsBelow = async (parent: number): Promise<ReadonlyArray<number>> => {
  const found: Array<number> = []
  for (const pid of await pids()) {
    const fields = await statOf(pid)
    if (fields[PARENT] !== String(parent) || fields[STATE] === "Z") continue
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")
    if (command.includes("workerd\0serve")) found.push(pid)
  }
  return found
}

/** The workerd that listens on a port. */
export const workerdOn = async (parent: number, url: string): Promise<number> => {
  const address = `=${new URL(url).host}`
  for (const pid of await workerdsBelow(parent)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")
    if (command.includes(address)) return pid
  }
  throw new Error(`no workerd below ${parent} listens on ${url}`)
}

/** What a process's file descriptors point at; empty when it has ended. */
export const descriptorsOf = async (pid: number): Promise<ReadonlyArray<string>> => {
  const names = await readdir(`/proc/${pid}/fd`).catch((): Array<string> => [])
  return Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")))
}

/** The descriptors of any process that point below a folder. */
export const holdersOf = async (folder: string): Promise<ReadonlyArray<string>> => {
  const inside = (target: string) => target.startsWith(`${folder}/`)
  return (await Promise.all((await pids()).map(descriptorsOf))).flat().filter(inside)
}

/** Whether anybody listens there. */
export const listens = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port) })
    const answer = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once("connect", () => answer(true)).once("error", () => answer(false))
  })

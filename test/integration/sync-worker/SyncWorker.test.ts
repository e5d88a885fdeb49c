import { SignJWT, UnsecuredJWT } from "jose"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import WebSocket from "ws"
import { tokenAudience, tokenIssuer } from "../../../src/auth-worker/TokenClaims.ts"
import { defaultAudience, defaultIssuer } from "../../../src/sync-worker/TokenTerms.ts"
import {
  bypassToken,
  eventually,
  jwtSecret,
  Memberships,
  SyncWorker,
  userToken
} from "./SyncWorkerHarness.ts"

type Payload = Record<string, unknown> | string | undefined

let memberships: Memberships
let worker: SyncWorker
/** Every secret and token that a test has sent: none of them may be in the log. */
const secrets = new Set([bypassToken, jwtSecret])

beforeAll(async () => {
  memberships = await Memberships.start()
  memberships.instances.set("alice", ["ws-alpha"])
  memberships.instances.set("bob", ["ws-beta"])
  worker = await SyncWorker.start({
    bindings: { AUTH_WORKER_URL: memberships.url, MEMBERSHIP_RECHECK_MS: "1000" }
  })
})
afterAll(async () => {
  await worker.stop()
  await memberships.stop()
})

const urlOf = (at: SyncWorker, storeId: string, payload: Payload, protocol = "ws"): string => {
  const url = new URL(protocol === "ws" ? at.wsUrl : at.httpUrl)
  url.searchParams.set("storeId", storeId)
  url.searchParams.set("transport", "ws")
  if (payload !== undefined) {
    url.searchParams.set(
      "payload",
      typeof payload === "string" ? payload : encodeURIComponent(JSON.stringify(payload))
    )
  }
  return url.href
}

const server = (storeId: string) => ({ serverBypass: bypassToken, instanceId: storeId })
const user = async (userId: string, storeId: string) => {
  const authToken = await userToken(userId)
  secrets.add(authToken)
  return { authToken, instanceId: storeId }
}

/** A connection that keeps what it hears. */
class Socket {
  readonly frames: Array<string> = []
  closedWith: number | undefined
  readonly #socket: WebSocket

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on("message", (data: Buffer) => this.frames.push(data.toString()))
    socket.on("close", (code) => {
      this.closedWith = code
    })
  }

  /** Resolves with the open socket, or with the HTTP status of the refusal. */
  static connect(url: string): Promise<Socket | number> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url)
      const kept = new Socket(socket)
      socket.on("open", () => resolve(kept))
      socket.on("unexpected-response", (_request, response) => {
        socket.terminate()
        resolve(response.statusCode ?? 0)
      })
      socket.on("error", (error) => reject(error))
    })
  }

  static async open(url: string): Promise<Socket> {
    const socket = await Socket.connect(url)
    if (typeof socket === "number") throw new Error(`refused with ${socket}`)
    return socket
  }

  /** The close frame has come: nothing can be said or heard any more, whenever the TCP connection ends. */
  get isClosed(): boolean {
    return this.#socket.readyState >= WebSocket.CLOSING
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify(message))
  }

  sendBinary(message: unknown): void {
    this.#socket.send(Buffer.from(JSON.stringify(message)))
  }

  close(): void {
    this.#socket.close()
  }
}

let requestId = 0
const pull = (storeId: string, payload: unknown) => ({
  _tag: "Request",
  id: String((requestId += 1)),
  tag: "SyncWsRpc.Pull",
  payload: { storeId, payload, live: true, cursor: { _tag: "None" } },
  headers: []
})
/** Pushes one event for each pair of a number and its parent's. */
const pushNumbered = (
  storeId: string,
  payload: unknown,
  id: string,
  numbers: ReadonlyArray<readonly [number, number]>
) => ({
  _tag: "Request",
  id: String((requestId += 1)),
  tag: "SyncWsRpc.Push",
  payload: {
    storeId,
    payload,
    backendId: { _tag: "None" },
    batch: numbers.map(([seqNum, parentSeqNum]) => ({
      name: "v1.ConversationCreated",
      args: { id, title: "t", createdAt: new Date(0).toISOString() },
      seqNum,
      parentSeqNum,
      clientId: "test",
      sessionId: "test"
    }))
  },
  headers: []
})
const push = (storeId: string, payload: unknown, id: string, seqNum = 1) =>
  pushNumbered(storeId, payload, id, [[seqNum, seqNum - 1]])

/** The names of the fields of the error that an exit tells. */
const errorFieldsOf = (frame: string): ReadonlyArray<string> => {
  const error = /"error":(\{[^}]*\})/.exec(frame)?.[1] ?? "{}"
  return [...error.matchAll(/"(\w+)":/g)].map(([, name]) => name ?? "").sort()
}

/** What a store holds, as the server sees it. */
const contents = async (storeId: string): Promise<string> => {
  const socket = await Socket.open(urlOf(worker, storeId, server(storeId)))
  socket.send(pull(storeId, server(storeId)))
  await eventually("the pull is answered", () => socket.frames.some((frame) => frame.includes("NoMore")))
  socket.close()
  return socket.frames.join("\n")
}

const fillAlphaAndBeta = async () => {
  for (const storeId of ["ws-alpha", "ws-beta"]) {
    if ((await contents(storeId)).includes("first-of")) continue
    const socket = await Socket.open(urlOf(worker, storeId, server(storeId)))
    socket.send(push(storeId, server(storeId), `first-of-${storeId}`))
    await eventually("the push is answered", () => socket.frames.some((frame) => frame.includes("Exit")))
    socket.close()
  }
}

describe("who may connect to the Sync Worker", () => {
  it("is the server, by its bypass token", async () => {
    const socket = await Socket.open(urlOf(worker, "ws-alpha", server("ws-alpha")))
    socket.close()
  })

  it("is a member, by a token of the Auth Worker", async () => {
    const socket = await Socket.open(urlOf(worker, "ws-alpha", await user("alice", "ws-alpha")))
    socket.close()
  })

  it("expects of a token what our Auth Worker writes into it", () => {
    expect([defaultIssuer, defaultAudience]).toEqual([tokenIssuer, tokenAudience])
  })

  const refusals: ReadonlyArray<readonly [string, number, () => Payload | Promise<Payload>]> = [
    ["no payload", 400, () => undefined],
    ["a payload that is not JSON", 400, () => "{nonsense"],
    ["a payload that is no object", 400, () => encodeURIComponent("[1,2]")],
    ["no credentials", 401, () => ({ instanceId: "ws-alpha" })],
    ["an empty bypass token", 401, () => ({ serverBypass: "", instanceId: "ws-alpha" })],
    ["the word undefined", 401, () => ({ serverBypass: "undefined", instanceId: "ws-alpha" })],
    ["a wrong bypass token", 401, () => ({ serverBypass: `${bypassToken}x`, instanceId: "ws-alpha" })],
    [
      "a bypass token cut short",
      401,
      () => ({ serverBypass: bypassToken.slice(0, -1), instanceId: "ws-alpha" })
    ],
    ["another workspace's id", 403, () => ({ serverBypass: bypassToken, instanceId: "ws-beta" })],
    ["an empty token", 401, () => ({ authToken: "", instanceId: "ws-alpha" })],
    ["a token that is none", 401, () => ({ authToken: "not.a.token", instanceId: "ws-alpha" })],
    [
      "a token signed by another",
      401,
      async () => ({
        authToken: await userToken("alice", {}, "another-secret-0123456789-0123456789"),
        instanceId: "ws-alpha"
      })
    ],
    [
      "an expired token",
      401,
      async () => ({ authToken: await userToken("alice", { exp: 1_000_000 }), instanceId: "ws-alpha" })
    ],
    [
      "a token without an end",
      401,
      async () => ({
        authToken: await new SignJWT({ sub: "alice", iss: defaultIssuer, aud: defaultAudience })
          .setProtectedHeader({ alg: "HS256" })
          .sign(new TextEncoder().encode(jwtSecret)),
        instanceId: "ws-alpha"
      })
    ],
    [
      "a token without a signature",
      401,
      () => ({
        authToken: new UnsecuredJWT({ sub: "alice", iss: defaultIssuer, aud: defaultAudience })
          .setExpirationTime("1h")
          .encode(),
        instanceId: "ws-alpha"
      })
    ],
    [
      "a token signed with another algorithm",
      401,
      async () => ({
        authToken: await new SignJWT({ sub: "alice", iss: defaultIssuer, aud: defaultAudience })
          .setProtectedHeader({ alg: "HS512" })
          .setExpirationTime("1h")
          .sign(new TextEncoder().encode(jwtSecret)),
        instanceId: "ws-alpha"
      })
    ],
    [
      "a token made for another service",
      401,
      async () => ({ authToken: await userToken("alice", { aud: "elsewhere" }), instanceId: "ws-alpha" })
    ],
    ["another user's token", 403, () => user("bob", "ws-alpha")],
    ["an unknown user's token", 403, () => user("nobody", "ws-alpha")],
    [
      "a wrong bypass token beside a good token",
      401,
      async () => ({ ...(await user("alice", "ws-alpha")), serverBypass: "wrong" })
    ]
  ]

  it.each(refusals)("is not somebody with %s", async (_what, status, payloadOf) => {
    const payload = await payloadOf()
    if (typeof payload === "object") {
      for (const value of [payload.authToken, payload.serverBypass]) {
        if (typeof value === "string" && value.length > 8 && value !== "undefined") secrets.add(value)
      }
    }
    expect(await Socket.connect(urlOf(worker, "ws-alpha", payload))).toBe(status)

    // A plain GET gives the reason, and repeats nothing of what was sent.
    const probe = await fetch(urlOf(worker, "ws-alpha", payload, "http"))
    expect(probe.status).toBe(status)
    const text = await probe.text()
    expect(text).toMatch(/^\{"error":\{"code":"[A-Z_]+","message":"[^"]+"\}\}$/)
    for (const secret of secrets) expect(text).not.toContain(secret)
  })

  it.each(["../escape", "a", "with space", ""])("is nobody for the store id %j", async (storeId) => {
    const response = await fetch(urlOf(worker, storeId, server(storeId), "http"))
    expect(response.status).toBe(400)
  })

  it("answers accepted credentials without an upgrade by asking for one", async () => {
    const response = await fetch(urlOf(worker, "ws-alpha", server("ws-alpha"), "http"))
    expect(response.status).toBe(426)
  })

  it("offers no other transport and no other method", async () => {
    const url = new URL(urlOf(worker, "ws-alpha", server("ws-alpha"), "http"))
    expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(405)
    url.searchParams.set("transport", "http")
    expect((await fetch(url)).status).toBe(400)
  })

  it("says that it is healthy to anybody", async () => {
    expect((await fetch(`${worker.httpUrl}/health`)).status).toBe(200)
  })

  it("is no user while the Auth Worker cannot be asked, and the server still", async () => {
    memberships.status = 500
    // Nobody has asked for this user yet, so that nothing is remembered.
    memberships.instances.set("carol", ["ws-alpha"])
    const payload = await user("carol", "ws-alpha")
    try {
      expect(await Socket.connect(urlOf(worker, "ws-alpha", payload))).toBe(503)
      const socket = await Socket.open(urlOf(worker, "ws-alpha", server("ws-alpha")))
      socket.close()
    } finally {
      memberships.status = 200
    }
    const socket = await Socket.open(urlOf(worker, "ws-alpha", payload))
    socket.close()
  })

  it("is a new member at once, though the Worker has just heard that it was none", async () => {
    memberships.instances.set("dave", [])
    const payload = await user("dave", "ws-alpha")
    expect(await Socket.connect(urlOf(worker, "ws-alpha", payload))).toBe(403)
    memberships.instances.set("dave", ["ws-alpha"])
    const socket = await Socket.open(urlOf(worker, "ws-alpha", payload))
    socket.close()
  })
})

describe("what a connected client may say", () => {
  it("gets and writes its own workspace", async () => {
    await fillAlphaAndBeta()
    const payload = await user("alice", "ws-alpha")
    const socket = await Socket.open(urlOf(worker, "ws-alpha", payload))
    socket.send(pull("ws-alpha", payload))
    await eventually("the history arrives", () =>
      socket.frames.some((frame) => frame.includes("first-of-ws-alpha"))
    )
    socket.send(push("ws-alpha", payload, "of-alice", 2))
    await eventually("the write is there", async () => (await contents("ws-alpha")).includes("of-alice"))
    expect(socket.closedWith).toBeUndefined()
    socket.close()
  })

  it("is heard in the order in which it speaks, though some frames take longer to check", async () => {
    const payload = server("ws-order")
    const socket = await Socket.open(urlOf(worker, "ws-order", payload))
    const givenUp = pull("ws-order", payload)
    const kept = pull("ws-order", payload)
    socket.send(givenUp)
    socket.send({ _tag: "Interrupt", requestId: givenUp.id })
    socket.send(kept)
    socket.send(push("ws-order", payload, "news"))
    const chunks = (id: string) =>
      socket.frames.filter((frame) => frame.includes(`"requestId":"${id}"`) && frame.includes("news"))
    await eventually("the kept pull hears the news", () => chunks(kept.id).length > 0)
    expect(chunks(givenUp.id)).toEqual([])
    socket.close()
  })

  const gaps: ReadonlyArray<readonly [string, ReadonlyArray<readonly [number, number]>]> = [
    ["event 9 after event 2", [[9, 2]]],
    ["an event with its parent's number", [[2, 2]]],
    ["an event before its parent", [[1, 2]]],
    [
      "a gap after a good event",
      [
        [3, 2],
        [9, 3]
      ]
    ],
    [
      "an event whose parent is not the one before it",
      [
        [3, 2],
        [4, 2]
      ]
    ],
    [
      "events in the wrong order",
      [
        [4, 3],
        [3, 2]
      ]
    ],
    [
      "an event twice",
      [
        [3, 2],
        [3, 2]
      ]
    ]
  ]

  it.each(gaps)("is refused as one that is behind when it pushes %s", async (what, numbers) => {
    const storeId = `ws-gap-${gaps.findIndex(([name]) => name === what)}`
    const payload = server(storeId)
    const socket = await Socket.open(urlOf(worker, storeId, payload))
    const exitOf = async ({ id }: { readonly id: string }): Promise<string> => {
      const mine = () =>
        socket.frames.find((frame) => frame.includes('"Exit"') && frame.includes(`"requestId":"${id}"`))
      await eventually("the push is answered", () => mine() !== undefined)
      return mine() ?? ""
    }
    const say = (message: { readonly id: string }) => {
      socket.send(message)
      return exitOf(message)
    }
    expect(
      await say(
        pushNumbered(storeId, payload, "good", [
          [1, 0],
          [2, 1]
        ])
      )
    ).toContain('"Success"')
    // In a frame of its own, and beside another message in one frame.
    const alone = await say(pushNumbered(storeId, payload, "smuggled", numbers))
    const beside = pushNumbered(storeId, payload, "smuggled", numbers)
    socket.send([pull(storeId, payload), beside])
    for (const refusal of [alone, await exitOf(beside)]) {
      expect(refusal).toContain('"ServerAheadError"')
      expect(refusal).toContain('"minimumExpectedNum"')
    }
    // It is the very answer that LiveStore gives to a push after another head, and the log goes on.
    const late = await say(pushNumbered(storeId, payload, "late", [[2, 1]]))
    expect(errorFieldsOf(alone)).toEqual(errorFieldsOf(late))
    expect(await say(pushNumbered(storeId, payload, "next", [[3, 2]]))).toContain('"Success"')
    expect(await contents(storeId)).not.toContain("smuggled")
    socket.close()
  })

  it("has so many pulls in flight, and is refused more until it gives one up", async () => {
    const payload = server("ws-flood")
    const socket = await Socket.open(urlOf(worker, "ws-flood", payload))
    const pulls = Array.from({ length: 20 }, () => pull("ws-flood", payload))
    for (const one of pulls) socket.send(one)
    const saysOf = ({ id }: { readonly id: string }, word: string) =>
      socket.frames.some((frame) => frame.includes(`"requestId":"${id}"`) && frame.includes(word))
    await eventually("sixteen are refused", () => pulls.filter((one) => saysOf(one, "Exit")).length === 16)
    await eventually("four are answered", () => pulls.filter((one) => saysOf(one, "NoMore")).length === 4)
    expect(pulls.filter((one) => saysOf(one, "UnknownError")).length).toBe(16)
    expect(socket.closedWith).toBeUndefined()
    socket.send({ _tag: "Interrupt", requestId: pulls[0]?.id })
    const next = pull("ws-flood", payload)
    socket.send(next)
    await eventually("the next one is answered", () => saysOf(next, "NoMore"))
    socket.close()
  })

  it("loses its connection when it does not wait for its frames to be handled", async () => {
    const payload = server("ws-flood")
    const socket = await Socket.open(urlOf(worker, "ws-flood", payload))
    // Pulls that are given up at once wait for their turn all the same, and everything behind them does.
    for (let count = 0; count < 20; count += 1) {
      const givenUp = pull("ws-flood", payload)
      socket.send(givenUp)
      socket.send({ _tag: "Interrupt", requestId: givenUp.id })
    }
    for (let count = 0; count < 1_000; count += 1) socket.send({ _tag: "Ack", requestId: "1" })
    await eventually("the connection is closed", () => socket.closedWith !== undefined)
    expect(socket.closedWith).toBe(1008)
    const other = await Socket.open(urlOf(worker, "ws-flood", payload))
    const answered = pull("ws-flood", payload)
    other.send(answered)
    await eventually("another connection is served", () =>
      other.frames.some((frame) => frame.includes("NoMore"))
    )
    other.close()
  })

  const lies: ReadonlyArray<readonly [string, (own: unknown, others: unknown) => ReadonlyArray<unknown>]> = [
    ["pulls another workspace", (own) => [pull("ws-beta", own)]],
    ["pushes into another workspace", (own) => [push("ws-beta", own, "smuggled")]],
    ["pulls its own workspace with another's payload", (_own, others) => [pull("ws-alpha", others)]],
    ["pulls without a payload", () => [pull("ws-alpha", undefined)]],
    ["pushes another workspace with its payload", (_own, others) => [push("ws-beta", others, "smuggled")]],
    [
      "hides the lie behind an honest message",
      (own) => [[pull("ws-alpha", own), push("ws-beta", own, "smuggled")]]
    ],
    [
      "names no workspace",
      () => [{ _tag: "Request", id: "1", tag: "SyncWsRpc.Pull", payload: {}, headers: [] }]
    ],
    ["speaks no JSON", () => ["{nonsense"]],
    ["nests without end", () => [`${"[".repeat(100_000)}${"]".repeat(100_000)}`]],
    [
      "pushes arguments that nest deeper than readers can read",
      (own) => [
        JSON.stringify(push("ws-alpha", own, "smuggled", 2)).replace(
          '"t"',
          `${"[".repeat(1_000)}${"]".repeat(1_000)}`
        )
      ]
    ],
    [
      "names a request that fills its socket's attachment",
      (own) => [{ ...pull("ws-alpha", own), id: "9".repeat(2_000) }]
    ],
    ["sends a frame beyond all limits", () => [" ".repeat(1_100_000)]]
  ]

  it.each(lies)("loses its connection and gets nothing when it %s", async (_what, messagesOf) => {
    await fillAlphaAndBeta()
    const own = await user("alice", "ws-alpha")
    const socket = await Socket.open(urlOf(worker, "ws-alpha", own))
    for (const message of messagesOf(own, server("ws-beta"))) socket.send(message)
    await eventually("the connection is closed", () => socket.closedWith !== undefined)
    expect([1008, 1009]).toContain(socket.closedWith)
    expect(socket.frames.join("\n")).not.toContain("first-of-ws-beta")
    for (const storeId of ["ws-alpha", "ws-beta"]) {
      const kept = await contents(storeId)
      expect(kept).toContain(`first-of-${storeId}`)
      expect(kept).not.toContain("smuggled")
    }
  })

  it("may not lie in binary frames either", async () => {
    await fillAlphaAndBeta()
    const own = await user("alice", "ws-alpha")
    const socket = await Socket.open(urlOf(worker, "ws-alpha", own))
    socket.sendBinary(push("ws-beta", own, "smuggled"))
    await eventually("the connection is closed", () => socket.closedWith !== undefined)
    expect(socket.closedWith).toBe(1008)
    expect(await contents("ws-beta")).not.toContain("smuggled")
  })

  it("may not forge what the Worker says about its connection", async () => {
    const own = await user("alice", "ws-alpha")
    const forged = JSON.stringify({
      storeId: "ws-beta",
      principal: { kind: "server" },
      payloadDigest: "",
      confirmedAt: 9_999_999_999_999
    })
    const socket = new WebSocket(urlOf(worker, "ws-alpha", own), { headers: { "x-wso-connection": forged } })
    let closedWith: number | undefined
    socket.on("close", (code) => {
      closedWith = code
    })
    await new Promise((resolve) => socket.on("open", resolve))
    socket.send(JSON.stringify(pull("ws-beta", own)))
    await eventually("the connection is closed", () => closedWith !== undefined)
    expect(closedWith).toBe(1008)
  })
})

describe("a member who is removed", () => {
  it("loses the connection, while the others keep theirs", async () => {
    memberships.instances.set("erin", ["ws-gamma"])
    memberships.instances.set("frank", ["ws-gamma"])
    const erin = await Socket.open(urlOf(worker, "ws-gamma", await user("erin", "ws-gamma")))
    const frank = await Socket.open(urlOf(worker, "ws-gamma", await user("frank", "ws-gamma")))
    const ours = await Socket.open(urlOf(worker, "ws-gamma", server("ws-gamma")))

    memberships.instances.set("erin", [])
    await eventually("erin's connection is closed", () => erin.isClosed, 5_000)

    // It was not the only check: frank goes as well, at a later one.
    const before = memberships.requests
    await eventually("frank is checked again", () => memberships.requests > before, 5_000)
    expect([frank.isClosed, ours.isClosed]).toEqual([false, false])
    memberships.instances.set("frank", [])
    await eventually("frank's connection is closed", () => frank.isClosed, 5_000)
    expect(ours.isClosed).toBe(false)
    ours.close()
  })

  it("keeps the connection while the Auth Worker is down, and loses it when it is back", async () => {
    memberships.instances.set("grace", ["ws-delta"])
    const grace = await Socket.open(urlOf(worker, "ws-delta", await user("grace", "ws-delta")))
    memberships.status = 503
    memberships.instances.set("grace", [])
    try {
      const before = memberships.requests
      await eventually("it was checked in vain", () => memberships.requests > before + 1, 6_000)
      expect(grace.isClosed).toBe(false)
    } finally {
      memberships.status = 200
    }
    await eventually("grace's connection is closed", () => grace.isClosed, 5_000)
  })
})

describe("the secrets", () => {
  it("match nothing when they are unset", async () => {
    for (const unset of ["", " ", ","]) {
      const bare = await SyncWorker.start({ bindings: { SERVER_BYPASS_TOKEN: unset, JWT_SECRET: unset } })
      try {
        for (const value of ["", " ", ",", "undefined", "null"]) {
          const payload = { serverBypass: value, instanceId: "ws-alpha" }
          expect(await Socket.connect(urlOf(bare, "ws-alpha", payload))).toBe(401)
        }
        expect(await Socket.connect(urlOf(bare, "ws-alpha", await user("alice", "ws-alpha")))).toBe(401)
      } finally {
        await bare.stop()
      }
    }
  })

  it("are two while they are rotated", async () => {
    const rotating = await SyncWorker.start({
      bindings: {
        SERVER_BYPASS_TOKEN: `the-next-bypass-token,${bypassToken}`,
        JWT_SECRET: `the-next-signing-secret-0123456789,${jwtSecret}`,
        AUTH_WORKER_URL: memberships.url
      }
    })
    try {
      for (const serverBypass of ["the-next-bypass-token", bypassToken]) {
        const socket = await Socket.open(
          urlOf(rotating, "ws-alpha", { serverBypass, instanceId: "ws-alpha" })
        )
        socket.close()
      }
      // Both tokens are good; the Auth Worker's stand-in knows only the old bypass token, so that it is 503, not 401.
      for (const secret of ["the-next-signing-secret-0123456789", jwtSecret]) {
        const authToken = await userToken("alice", {}, secret)
        expect(await Socket.connect(urlOf(rotating, "ws-alpha", { authToken, instanceId: "ws-alpha" }))).toBe(
          503
        )
      }
      const both = `the-next-bypass-token,${bypassToken}`
      expect(
        await Socket.connect(urlOf(rotating, "ws-alpha", { serverBypass: both, instanceId: "ws-alpha" }))
      ).toBe(401)
    } finally {
      await rotating.stop()
    }
  })

  it("are nowhere in the log of all of the above", () => {
    expect(worker.log).not.toBe("")
    for (const secret of secrets) expect(worker.log).not.toContain(secret)
  })
})

/** The Auth Worker's API as a user's app calls it. */

const parseToken: (text: string) => { readonly token: string } = JSON.parse

const json = { "content-type": "application/json" }

const require = async (response: Response, status: number): Promise<string> => {
  const text = await response.text()
  if (response.status !== status) throw new Error(`${response.url} answered ${response.status}: ${text}`)
  return text
}

/** A client for one user, who is made if there is none. */
export const authClient = async (url: string, userId = "dev") => {
  const response = await fetch(`${url}/dev/token`, {
    method: "POST",
    headers: json,
    body: JSON.stringify({ userId })
  })
  const { token } = parseToken(await require(response, 200))
  const authorization = `Bearer ${token}`
  return {
    token,
    create: async (instanceId: string): Promise<void> => {
      const body = JSON.stringify({ name: "Test", instanceId })
      await require(await fetch(`${url}/workspaces`, {
        method: "POST",
        headers: { ...json, authorization },
        body
      }), 201)
    },
    delete: async (instanceId: string): Promise<void> => {
      await require(await fetch(`${url}/workspaces/${instanceId}`, {
        method: "DELETE",
        headers: { authorization }
      }), 204)
    }
  }
}

export type AuthClient = Awaited<ReturnType<typeof authClient>>

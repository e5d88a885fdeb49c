/**
 * Positions in a store's confirmed history: `e12@<backend>`, the twelfth event of that backend's history.
 *
 * The backend's identity is part of the position because a backend that was reset numbers its events anew: the bare
 * number would silently skip the first twelve events of the new history.
 */
import type { Cursor } from "../StoreDriver.ts"
import * as Option from "effect/Option"

interface Position {
  readonly global: number
  readonly backendId: string
}

const pattern = /^e(\d{1,15})@(.+)$/

export const makeCursor = (position: Position): Cursor => `e${position.global}@${position.backendId}`

/** None when the text was not made by `makeCursor`. */
export const parseCursor = (cursor: Cursor): Option.Option<Position> => {
  const match = pattern.exec(cursor)
  const [, global, backendId] = match ?? []
  return global === undefined || backendId === undefined
    ? Option.none()
    : Option.some({ global: Number(global), backendId })
}

/**
 * How many events of `backendId`'s history are behind `since`: none when there is no cursor, or when it belongs to
 * another backend's history, which then has to be read from its beginning (handling an event twice is harmless,
 * skipping one is not).
 */
export const eventsBehind = (since: Option.Option<Cursor>, backendId: string): number =>
  since.pipe(
    Option.flatMap(parseCursor),
    Option.filter((position) => position.backendId === backendId),
    Option.match({ onNone: () => 0, onSome: (position) => position.global })
  )

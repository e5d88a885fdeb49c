/**
 * What has happened of late, store by store, for the report of what happens next: a report shows the steps of its own
 * store and those of the loop, not those of a thousand others.
 */

export interface Trails<Step> {
  /** `storeId` is undefined for what concerns no single store. */
  readonly add: (storeId: string | undefined, step: Step) => void
  /** The steps of the store and of the loop, each oldest first. */
  readonly of: (storeId: string | undefined) => ReadonlyArray<Step>
}

/** Stores whose steps are remembered; the one that nothing has happened to for longest goes first. */
const MAX_STORES = 1_000
const STEPS_OF_STORE = 20
const STEPS_OF_LOOP = 30

const append = <Step>(steps: Array<Step>, step: Step, limit: number): void => {
  steps.push(step)
  if (steps.length > limit) steps.shift()
}

export const make = <Step>(): Trails<Step> => {
  const ofLoop: Array<Step> = []
  const ofStores = new Map<string, Array<Step>>()
  return {
    add: (storeId, step) => {
      if (storeId === undefined) return append(ofLoop, step, STEPS_OF_LOOP)
      const steps = ofStores.get(storeId) ?? []
      append(steps, step, STEPS_OF_STORE)
      // Put behind all others, so that the map's order is the order of age.
      ofStores.delete(storeId)
      ofStores.set(storeId, steps)
      if (ofStores.size <= MAX_STORES) return
      const oldest = ofStores.keys().next()
      if (oldest.done !== true) ofStores.delete(oldest.value)
    },
    of: (storeId) => [...ofLoop, ...(storeId === undefined ? [] : (ofStores.get(storeId) ?? []))]
  }
}

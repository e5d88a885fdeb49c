import * as Effect from "effect/Effect"

/** Runs a hook of the user's: should it die, that is logged and changes nothing for the one that called it. */
export const guardHook = (owner: string, hook: () => Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchAllCause(Effect.suspend(hook), (cause) =>
    Effect.logError("controller.hook_died", cause).pipe(Effect.annotateLogs({ owner }))
  )

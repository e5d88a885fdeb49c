import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"

/**
 * Forks a fiber that runs at once until it first has to wait, no more interruptible than the caller is here. What has
 * nothing to wait for has ended when this answers (`unsafePoll`), and needs no timer and nobody to wait for it: a timeout
 * around each opening costs more than the opening of a store in memory.
 *
 * The fiber is nobody's child: whoever starts it also interrupts it.
 */
export const startNow = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Fiber.RuntimeFiber<A, E>> =>
  Effect.map(Effect.runtime(), (runtime) => Runtime.runFork(runtime, effect))

/**
 * `startNow` in a scope. Of the caller's context the fiber sees the span and nothing else: that is all it may ask for, and
 * copying the context of a whole server for each store costs more than opening it.
 */
export const startNowIn = <A, E>(
  scope: Scope.Scope,
  effect: Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<Fiber.RuntimeFiber<A, E>> =>
  Effect.map(Effect.runtime(), ({ context, fiberRefs, runtimeFlags }) => {
    const span = Context.getOption(context, Tracer.ParentSpan)
    const own = Context.make(Scope.Scope, scope)
    const seen = Option.isSome(span) ? Context.add(own, Tracer.ParentSpan, span.value) : own
    return Runtime.runFork(Runtime.make({ context: seen, fiberRefs, runtimeFlags }), effect)
  })

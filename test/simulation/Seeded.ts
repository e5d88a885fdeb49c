/**
 * Random numbers that a seed decides. Each purpose has a stream of its own (`fork`), so that dropping one fault from a
 * schedule changes as little as possible of everything else.
 */
export class Seeded {
  private state: number

  constructor(seed: string) {
    // FNV-1a, so that seeds that differ in one digit begin far apart.
    let hash = 0x811c9dc5
    for (let index = 0; index < seed.length; index++) {
      hash = Math.imul(hash ^ seed.charCodeAt(index), 0x01000193)
    }
    this.state = hash >>> 0
    this.next()
  }

  /** The next number of [0, 1): mulberry32. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 to `below - 1`. */
  int(below: number): number {
    return Math.floor(this.next() * below)
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.int(to - from + 1)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<A>(items: readonly [A, ...ReadonlyArray<A>]): A {
    return items[this.int(items.length)] ?? items[0]
  }

  /** One of them; undefined if there is none. */
  oneOf<A>(items: ReadonlyArray<A>): A | undefined {
    return items[this.int(items.length)]
  }
}

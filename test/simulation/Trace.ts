/**
 * What happened, in order, as a hash: two runs of one seed must agree in every step. The lines themselves are kept only
 * when somebody wants to read them.
 */
export class Trace {
  readonly lines: Array<string> | undefined
  private high = 0x811c9dc5
  private low = 0x01000193

  constructor(keep: boolean) {
    this.lines = keep ? [] : undefined
  }

  note(at: number, text: string): void {
    this.mix(at)
    for (let index = 0; index < text.length; index++) {
      this.high = Math.imul(this.high ^ text.charCodeAt(index), 0x01000193)
    }
    this.low = Math.imul(this.low ^ this.high, 0x85ebca6b)
    if (this.lines !== undefined) {
      this.lines.push(`${(at / 1_000).toFixed(3).padStart(12)}  ${text}`)
    }
  }

  /** A number that belongs to the run and is no line of its own. */
  mix(value: number): void {
    this.high = Math.imul(this.high ^ value, 0x01000193)
    this.low = Math.imul(this.low ^ (this.high >>> 7), 0xc2b2ae35)
  }

  get hash(): string {
    return [this.high, this.low].map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("")
  }
}

/**
 * Times and durations as people say them.
 */

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000]
] as const

/** `90 s` is `1m30s`: the two largest units; below a second, milliseconds. */
export const duration = (ms: number): string => {
  const rounded = Math.max(0, Math.round(ms))
  if (rounded < 1_000) return `${rounded}ms`
  const first = UNITS.findIndex(([, unit]) => rounded >= unit)
  return UNITS.slice(first, first + 2)
    .map(([name, unit], index) => {
      const before = index === 0 ? Infinity : (UNITS[first]?.[1] ?? Infinity)
      const count = Math.floor((before === Infinity ? rounded : rounded % before) / unit)
      return index > 0 && count === 0 ? "" : `${count}${name}`
    })
    .join("")
}

/** `3m ago`, `in 10s`; a dash for no time. */
export const relative = (time: string | null, nowMs: number): string => {
  if (time === null) return "-"
  const at = Date.parse(time)
  if (Number.isNaN(at)) return time
  return at > nowMs ? `in ${duration(at - nowMs)}` : `${duration(nowMs - at)} ago`
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"] as const

/** `512 B`, `35.7 MB`: thousands, as disks are sold. */
export const bytes = (many: number): string => {
  const step = Math.min(BYTE_UNITS.length - 1, many < 1 ? 0 : Math.floor(Math.log10(many) / 3))
  const value = many / 1_000 ** step
  return `${step === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[step] ?? "B"}`
}

/** `1 workspace`, `2 workspaces` */
export const count = (many: number, noun: string): string => `${many} ${noun}${many === 1 ? "" : "s"}`

/** `90s`, `5m`, `2h30m`, `1d`, as milliseconds; undefined for anything else. */
export const parseDuration = (text: string): number | undefined => {
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) {
    const factor = unit === "ms" ? 1 : UNITS.find(([name]) => name === unit)?.[1]
    total += Number(amount) * (factor ?? 0)
  }
  return total
}

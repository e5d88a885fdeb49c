/** What Prometheus reads of a text, and what `promtool check metrics` says of its names. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: Array<Sample>
}

const unescape = (text: string): string =>
  text.replaceAll(/\\(["\\n])/g, (_, character: string) => (character === "n" ? "\n" : character))

const labelsOf = (text: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== "") {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/.exec(rest)
    if (match?.[1] === undefined) throw new Error(`no labels: ${text}`)
    labels[match[1]] = unescape(match[2] ?? "")
    rest = rest.slice(match[0].length)
  }
  return labels
}

const valueOf = (text: string): number =>
  text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : text === "NaN" ? NaN : Number(text)

const sampleOf = (line: string): Sample => {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (match?.[1] === undefined || match[3] === undefined) throw new Error(`no sample: ${line}`)
  const value = valueOf(match[3])
  if (Number.isNaN(value) && match[3] !== "NaN") throw new Error(`no number: ${line}`)
  return { name: match[1], labels: labelsOf(match[2] ?? ""), value }
}

const belongs = (sample: string, { name, type }: Family): boolean =>
  type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(sample) : sample === name

/** The families of a text in the format 0.0.4; throws where Prometheus would refuse it. */
export const parse = (text: string): ReadonlyMap<string, Family> => {
  if (!text.endsWith("\n")) throw new Error("the last line does not end")
  const families = new Map<string, Family>()
  let help: readonly [string, string] | undefined
  let family: Family | undefined
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
    const [, kind, name, rest] = comment ?? []
    if (kind === "HELP" && name !== undefined && rest !== undefined) {
      help = [name, rest]
    } else if (kind === "TYPE" && name !== undefined && rest !== undefined) {
      if (help?.[0] !== name) throw new Error(`${name} has no help`)
      if (families.has(name)) throw new Error(`${name} comes twice`)
      family = { name, type: rest, help: unescape(help[1]), samples: [] }
      families.set(name, family)
    } else {
      const sample = sampleOf(line)
      if (family === undefined || !belongs(sample.name, family)) throw new Error(`${line} is of no family`)
      family.samples.push(sample)
    }
  }
  const seen = new Set<string>()
  for (const { samples } of families.values()) {
    for (const { labels, name } of samples) {
      const key = JSON.stringify([name, Object.entries(labels).sort()])
      if (seen.has(key)) throw new Error(`${key} comes twice`)
      seen.add(key)
    }
  }
  return families
}

const ABBREVIATED =
  /(?:^|_)(?:ms|millis|milliseconds|secs?|mins?|minutes?|hours?|days?|kb|mb|gb|kilobytes|megabytes|percent)(?:_|$)/

/** The rules of Prometheus about names, by which `promtool check metrics` complains. */
export const complaints = (families: ReadonlyMap<string, Family>): ReadonlyArray<string> =>
  [...families.values()].flatMap(({ help, name, samples, type }) => [
    ...(/^[a-z][a-z0-9_]*$/.test(name) ? [] : [`${name}: not in snake_case`]),
    ...(help.trim() === "" || help === name ? [`${name}: no help`] : []),
    ...((type === "counter") === name.endsWith("_total") ? [] : [`${name}: _total is for counters`]),
    ...(/_(?:bucket|sum|count|info_total)$/.test(name) ? [`${name}: a histogram's suffix`] : []),
    ...(/(?:^|_)(?:counter|gauge|histogram|summary)(?:_|$)/.test(name)
      ? [`${name}: its type in its name`]
      : []),
    ...(ABBREVIATED.test(name) ? [`${name}: no base unit`] : []),
    ...samples.flatMap(({ labels }) =>
      Object.keys(labels)
        .filter((label) => !/^[a-z][a-z0-9_]*$/.test(label))
        .map((label) => `${name}: label ${label}`)
    )
  ])

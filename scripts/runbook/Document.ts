/**
 * The commands of a document in Markdown. A block ```sh is preceded by a comment that says how it is run,
 *
 *     <!-- run: state=paused; exit=1; fresh -->
 *
 * or why it cannot be: `<!-- not run: it deploys -->`. A block ```text behind it is what its commands print.
 */

/** What is shown as printed, and between which lines, the fences left out. */
interface Shown {
  readonly text: string
  readonly from: number
  readonly to: number
  readonly indent: string
}

/** A block of commands. Lines count from 0. */
export interface Block {
  readonly line: number
  readonly commands: string
  readonly how: Run | NotRun
  /** Undefined where nothing is shown. */
  readonly shown: Shown | undefined
}

interface Run {
  readonly _tag: "Run"
  /** What the server has to be in: a name of States.ts. */
  readonly state: string
  readonly exit: number
  /** Whether it begins on a server that no block before has touched. */
  readonly isFresh: boolean
}

interface NotRun {
  readonly _tag: "NotRun"
  readonly reason: string
}

const SHELL = /^( *)```(?:sh|bash)\s*$/

const howOf = (comment: string | undefined, where: string): Run | NotRun => {
  const notRun = /^<!-- not run: (.+) -->$/.exec(comment ?? "")
  if (notRun !== null) return { _tag: "NotRun", reason: notRun[1] ?? "" }
  const run = /^<!-- run: (.+) -->$/.exec(comment ?? "")
  if (run === null)
    throw new Error(`${where}: a block of commands needs <!-- run: state=… --> or <!-- not run: … -->`)
  const options = new Map(
    (run[1] ?? "").split(";").map((part) => {
      const [key = "", value = ""] = part.split("=", 2)
      return [key.trim(), value.trim()] as const
    })
  )
  const { exit = "0", fresh, state = "healthy", ...unknown } = Object.fromEntries(options)
  if (Object.keys(unknown).length > 0) throw new Error(`${where}: run knows state, exit and fresh`)
  return { _tag: "Run", state, exit: Number(exit), isFresh: fresh !== undefined }
}

/** The line of the closing fence. */
const closing = (lines: ReadonlyArray<string>, from: number): number => {
  const at = lines.findIndex((line, index) => index >= from && line.trim() === "```")
  if (at < 0) throw new Error(`line ${from}: a block without an end`)
  return at
}

const shownAt = (lines: ReadonlyArray<string>, from: number): Shown | undefined => {
  const fence = /^( *)```text$/.exec(lines[from + 1] ?? "")
  if (fence === null || lines[from] !== "") return undefined
  const [, indent = ""] = fence
  const end = closing(lines, from + 2)
  const text = lines.slice(from + 2, end).map((line) => line.slice(indent.length))
  return { text: text.join("\n"), from: from + 2, to: end, indent }
}

/** All blocks of commands of a document, in order. */
export const blocksOf = (path: string, text: string): ReadonlyArray<Block> => {
  const lines = text.split("\n")
  const blocks: Array<Block> = []
  for (let at = 0; at < lines.length; at++) {
    if (!/^ *```/.test(lines[at] ?? "")) continue
    const end = closing(lines, at + 1)
    const shell = SHELL.exec(lines[at] ?? "")
    if (shell !== null) {
      const indent = (shell[1] ?? "").length
      const above = lines.slice(0, at).findLast((line) => line.trim() !== "")
      blocks.push({
        line: at,
        commands: lines
          .slice(at + 1, end)
          .map((line) => line.slice(indent))
          .join("\n"),
        how: howOf(above?.trim(), `${path}:${at + 1}`),
        shown: shownAt(lines, end + 1)
      })
    }
    at = end
  }
  return blocks
}

/** How many commands a block has: lines that are neither a comment nor go on with the one before. */
export const countOf = ({ commands }: Block): number =>
  commands
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.trim().startsWith("#")).length

/** The commands of ours within sentences and tables (`wso explain <id>`), and in the examples of ```console blocks. */
export const inlineCommandsOf = (text: string): ReadonlySet<string> => {
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "").replaceAll(/<!--[\s\S]*?-->/g, "")
  const examples = [...text.matchAll(/^ *\$ (wso .+)$/gm)]
  return new Set(
    [...prose.matchAll(/`((?:wso|curl) [^`]+)`/g), ...examples].map(([, command = ""]) =>
      command.replaceAll("\\|", "|").replaceAll("\n", " ")
    )
  )
}

/** The text with what its blocks print now; `printed` is by the line of the block. */
export const withPrinted = (
  text: string,
  blocks: ReadonlyArray<Block>,
  printed: ReadonlyMap<number, string>
): string => {
  const lines = text.split("\n")
  // From the end, so that the lines before stay where they are.
  for (const { line, shown } of blocks.toReversed()) {
    const now = printed.get(line)
    if (shown === undefined || now === undefined) continue
    const indented = now
      .split("\n")
      .map((printedLine) => (printedLine === "" ? "" : shown.indent + printedLine))
    lines.splice(shown.from, shown.to - shown.from, ...indented)
  }
  return lines.join("\n")
}

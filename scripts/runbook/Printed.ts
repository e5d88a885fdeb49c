/** What a command prints, as it may stand in a document, and what of it has to stay the same. */
import { hostname, userInfo } from "node:os"

/** Without what is this machine's business: addresses, folders, who runs it. */
export const presentable = (printed: string, hosts: ReadonlyMap<string, string>): string => {
  let text = printed.replaceAll("\r", "")
  for (const [host, url] of hosts) text = text.replaceAll(url, `https://${host}`)
  return text
    .replaceAll(`${userInfo().username}@${hostname()}`, "ada@ops")
    .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, "https://server.example.com")
    .replaceAll(/127\.0\.0\.1:\d+/g, "server.example.com")
    .replaceAll(/127\.0\.0\.1 port \d+/g, "server.example.com port 443")
    .replaceAll(/\/\S*\/wso-e2e-\w+/g, "/var/lib/workspace-orchestrator")
    .replaceAll(/[ \t]+$/gm, "")
    .trimEnd()
}

const DURATION = /\b(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\b/g

/** Two texts of the same shape say the same, but for times, durations, sizes, versions and ids that are made anew. */
export const shapeOf = (text: string): string =>
  text
    .replaceAll(/\b((?:wso|nodejs|process)_\w+(?:\{[^}]*\})?) [\d.e+-]+$/gm, "$1 <number>")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>")
    .replaceAll(/\b[0-9a-f]{16,64}\b/g, "<hash>")
    .replaceAll(/\b\d+\.\d+\.\d+(?:-[\w.]+)?\b/g, "<version>")
    .replaceAll(DURATION, "<duration>")
    .replaceAll(/\b\d+(?:\.\d+)? (?:ms|s|seconds|min|h|hours)\b/g, "<duration>")
    .replaceAll(/less than a second/g, "<duration>")
    .replaceAll(/\b\d+ (attempts|adds|retries|ready|running|waiting|failed|records)\b/g, "<number> $1")
    .replaceAll(/\b\d+ runs?\b/g, "<number> runs")
    .replaceAll(/("(?:\w*Ms|uptime|seq|port|pid)": ?)[\d.]+/g, "$1<number>")
    .replaceAll(/\b(\w+Ms) \d+/g, "$1 <number>")
    .replaceAll(/\bcanary-\w+/g, "canary-<id>")
    .replaceAll(/running now|next run in <duration>/g, "<next run>")
    .replaceAll(/[ \t]+/g, " ")
    .trim()

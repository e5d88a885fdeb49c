import { describe, expect, it } from "vitest"
import { mentionedIn } from "../../support/PromQl.ts"

const metrics = (expression: string) => mentionedIn(expression).selectors.map(({ metric }) => metric)

describe("what an expression speaks of", () => {
  it("are its metrics, with what chooses them, and not its functions, words and durations", () => {
    expect(
      mentionedIn(
        'sum by (job, le) (rate(a_total{b="c",d!~"e|{f}"}[5m])) / on (job) (d:e:f offset 1w > bool 0)'
      )
    ).toEqual({
      selectors: [
        {
          metric: "a_total",
          matchers: [
            { label: "b", operator: "=", value: "c" },
            { label: "d", operator: "!~", value: "e|{f}" }
          ]
        },
        { metric: "d:e:f", matchers: [] }
      ],
      groupedBy: ["job", "le", "job"]
    })
  })

  it.each([
    ["histogram_quantile(0.95, sum by (le) (rate(a_bucket[5m])))", ["a_bucket"]],
    ["up == 0 or absent(up)", ["up", "up"]],
    ["a unless on (x) b == 1", ["a", "b"]],
    ["a * on (job) group_left (version) b * 1000", ["a", "b"]],
    ["increase(a[1h] offset 10m) > 10", ["a"]]
  ])("%s", (expression, expected) => {
    expect(metrics(expression)).toEqual(expected)
  })
})

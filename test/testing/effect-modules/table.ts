/** Runs every scenario and prints the table of docs/effect-modules.md: npx tsx test/testing/effect-modules/table.ts */
import { explore } from "sluice/testing"
import { type ModuleScenario, scenarios } from "../effect-modules.js"

const number = new Intl.NumberFormat("en-US")
const plural = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`

const row = ({ expected, module, name, options, scenario }: ModuleScenario): string => {
  const { distinct, exhausted, failure, runs } = explore(scenario, options)
  const { strategy } = options
  const how = typeof strategy === "object"
    ? `${plural(strategy.exhaustive.preemptions, "preemption")}, ${plural(strategy.exhaustive.cancels, "interrupt")}`
    : `at random, ${number.format(distinct)} distinct`
  const schedules = failure !== undefined
    ? `fails in number ${number.format(failure.run)} (${how})`
    : `${exhausted ? "all " : ""}${number.format(runs)} (${how})`
  const program = expected === "holds"
    ? ""
    : expected.program === undefined
    ? "only under the kit"
    : `\`${expected.program.file}.ts\``
  return `| ${module} | ${name} | ${schedules} | ${failure?.message ?? "holds"} | ${
    failure?.realism ?? ""
  } | ${program} |`
}

console.log("| module | scenario | schedules | verdict | realism | stand-alone program |")
console.log("|---|---|---|---|---|---|")
for (const scenario of scenarios) console.log(row(scenario))

// Years of the npm package chinese-days, as one file: `node convert.mjs package > chinese-days.json`.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(process.argv[2], "dist", "years");
const version = JSON.parse(readFileSync(join(process.argv[2], "package.json"), "utf8")).version;
const names = readdirSync(folder).filter((it) => /^\d{4}\.json$/.test(it)).sort();
const years = names.map((name) => {
  const { holidays, workdays } = JSON.parse(readFileSync(join(folder, name), "utf8"));
  const sorted = (days) => Object.fromEntries(Object.entries(days).sort());
  const table = JSON.stringify({ holidays: sorted(holidays), workdays: sorted(workdays) });
  return `    "${name.slice(0, 4)}": ${table}`;
});
console.log(`{\n  "source": "chinese-days ${version}",\n  "years": {\n${years.join(",\n")}\n  }\n}`);

// node lighthouse.js ORIGIN PATH NAME PASSWORD: prints what Lighthouse thinks of the page for somebody who is
// signed in, as {"performance": 0 to 100, "accessibility": …}. Its default: a slow phone, simulated.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import lighthouse from "lighthouse";
import { chromium } from "playwright-core";

const [origin, path, name, password] = process.argv.slice(2);

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const port = await freePort();
const profile = await mkdtemp(join(tmpdir(), "lifeboat-lighthouse-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", `--remote-debugging-port=${port}`],
});
try {
  const page = await browser.newPage();
  await page.goto(`${origin}/sign-in`);
  await page.fill("input[name=name]", name);
  await page.fill("input[name=password]", password);
  await page.press("input[name=password]", "Enter");
  await page.waitForURL((url) => url.pathname !== "/sign-in");

  const onlyCategories = ["performance", "accessibility"];
  const result = await lighthouse(origin + path, {
    port,
    onlyCategories,
    logLevel: "error",
    disableStorageReset: true, // Or we would be signed out.
  });
  const { lhr } = result;
  if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
  if (new URL(lhr.finalDisplayedUrl).pathname !== path) throw new Error(`ended at ${lhr.finalDisplayedUrl}`);
  for (const audit of Object.values(lhr.audits)) {
    if (audit.score !== null && audit.score < 0.9) console.error(`${audit.id}: ${audit.displayValue ?? audit.title}`);
  }
  const score = (category) => Math.round(lhr.categories[category].score * 100);
  console.log(JSON.stringify(Object.fromEntries(onlyCategories.map((it) => [it, score(it)]))));
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}

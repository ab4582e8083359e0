// A browser and a demo server for the tests of pages. A file of tests begins with
//
//     const site = demo();                       // started before its tests, ended after them
//     for (const project of projects) describe(project.name, () => {
//       const visit = visits(site, project);     // a test in a browser of its own
//       visit("what it shows", async (page) => { await signIn(page, site.who("sre")); … });
//     });
//
// A test fails on whatever the console of its browser complains about.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

// The browser itself reports an answer like 409; that is how we want to answer.
const expected = [
  /^Failed to load resource: the server responded with a status of 4\d\d/,
  /\.wasm was preloaded using link preload but not used/, // with JavaScript off
];

// Every page works in both; `islands` is the page with its wasm.
export const projects = [{ name: "islands", islands: true }, { name: "no JavaScript", islands: false }];

// Where it has to fit.
export const desk = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

// A `lifeboat run --demo` with a data folder of its own. `who(role, n)` is the n-th sample person with this role,
// as the server printed it at its start; `restart` keeps address and data.
export function demo(...settings) {
  const site = { url: undefined, browser: undefined, people: [], who, restart };
  let data, server;

  function who(role, n = 0) {
    const person = site.people.filter((it) => it.role === role)[n];
    assert.ok(person, `the demo has no ${role} number ${n}`);
    return person;
  }

  async function start() {
    const listen = site.url ? new URL(site.url).host : "127.0.0.1:0";
    const args = ["run", "--demo", `--listen=${listen}`, "--data-dir", data, "--site", process.env.LIFEBOAT_SITE];
    const { DATABASE_URL, KUBECONFIG, ...env } = process.env;
    server = spawn(process.env.LIFEBOAT, [...args, ...settings], { env, stdio: ["ignore", "pipe", "pipe"] });
    server.once("error", (error) => assert.fail(`${process.env.LIFEBOAT}: ${error.message}`));
    const people = signIns(server.stderr);
    for await (const line of createInterface({ input: server.stdout })) {
      const ready = line.startsWith("{") && JSON.parse(line);
      if (ready?.event === "ready") {
        site.url = ready.url;
        break;
      }
    }
    assert.ok(site.url, "the server ended before it was ready");
    server.stdout.resume();
    site.people = await people;
  }

  async function stop() {
    if (!server || server.exitCode !== null) return;
    server.kill("SIGTERM");
    const [code] = await once(server, "exit");
    assert.equal(code, 0, "the server stops cleanly");
  }

  async function restart() {
    await stop();
    await start();
  }

  before(async () => {
    data = await mkdtemp("/var/tmp/lifeboat-e2e-");
    // The embedded Postgres does not run as root, and has to pass through.
    await chmod(data, 0o755);
    await start();
    site.browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
  });
  after(async () => {
    await site.browser?.close();
    await stop();
    if (data) await rm(data, { recursive: true });
  });
  return site;
}

// The sample people as the server lists them for a person who starts it, `NAME ROLE PASSWORD` with an empty line after
// the last. What else it says is passed on.
function signIns(stderr) {
  const people = [];
  const lines = createInterface({ input: stderr });
  return new Promise((resolve) => {
    lines.on("line", (line) => {
      const [, name, role, password] = /^ {2}(\S.*?) +(viewer|responder|sre|dba|pmo|admin) +(\S+)$/.exec(line) ?? [];
      if (password) people.push({ name, role, password });
      else if (people.length && !line) resolve(people);
      else console.error(line);
    });
    lines.on("close", () => resolve(people));
  });
}

// Tests of a project, each in a browser context of its own. `size`, `dark`, `locale` choose what it looks at the page
// with; `ignore` is for complaints that the test itself brings about.
export function visits(site, { islands }) {
  return (name, body, { locale = "en", size = desk, dark = false, ignore } = {}) => test(name, async () => {
    const context = await site.browser.newContext({
      baseURL: site.url, javaScriptEnabled: islands, locale, viewport: size, colorScheme: dark ? "dark" : "light",
    });
    context.setDefaultTimeout(15_000);
    const complaints = [];
    const complain = (text) => {
      if (!ignore?.test(text) && !expected.some((known) => known.test(text))) complaints.push(text);
    };
    context.on("weberror", (it) => complain(it.error().message));
    context.on("console", (it) => {
      if (["error", "warning"].includes(it.type())) complain(it.text());
    });
    const page = await context.newPage();
    try {
      await body(page, context);
    } catch (error) {
      await shot(page, `failed ${name}`).catch(() => {});
      throw error;
    }
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

export async function signIn(page, { name, password }) {
  await page.goto("/sign-in");
  await page.locator("#name").fill(name);
  await page.locator("#password").fill(password);
  await page.locator("main button[type=submit]").click();
  await page.waitForURL((it) => it.pathname !== "/sign-in");
}

// The text stands somewhere on the page, or comes to stand there.
export const says = (page, text) => page.getByText(text).first().waitFor();

// The page with islands comes to show it by itself; the other one is looked at anew until it does.
export async function until(page, { islands }, shown) {
  if (islands) return shown.waitFor({ timeout: 120_000 });
  const deadline = Date.now() + 120_000;
  while (!(await shown.isVisible())) {
    assert.ok(Date.now() < deadline, `${page.url()} does not come to show it`);
    await page.waitForTimeout(1_000);
    await page.reload();
  }
}

// What every page owes to everybody: one title, nothing that cannot be used or read, no sideways scrolling.
// axe needs the page's JavaScript, so it looks where that is on.
export async function audit(page, { islands }, what = page.url()) {
  assert.equal(await page.locator("h1").count(), 1, `${what} has one h1`);
  assert.match(await page.title(), /· Lifeboat$/);
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(width[0] <= width[1], `${what} scrolls sideways: ${width}`);
  if (!islands) return;
  const { violations } = await steady(page, async () => {
    await page.evaluate(axe);
    return page.evaluate(() => window.axe.run());
  });
  const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target).join(", ")}`);
  assert.deepEqual(found, [], what);
}

// A page that follows its rows may load itself again at any moment; then it is looked at anew.
async function steady(page, look) {
  for (let left = 5; ; left--) {
    try {
      return await look();
    } catch (error) {
      if (left === 0 || !/Execution context was destroyed/.test(error.message)) throw error;
      await page.waitForLoadState();
    }
  }
}

// For people to look at: into the folder of LIFEBOAT_SHOTS, if it is set.
export async function shot(page, name) {
  const folder = process.env.LIFEBOAT_SHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name.replaceAll(/[^\w.-]+/g, "-")}.png`, fullPage: true });
}

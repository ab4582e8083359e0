// A drill as the PMO keeps it in the ledger: planned, started, rehearsed by others, proven by evidence, refused a signature
// while something is missing, and signed off. With and without JavaScript, each in a world of its own.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe } from "node:test";
import { audit, demo, phone, projects, says, shot, signIn, until, visits } from "./kit.js";

const gateway = "edge-link-production-api-gateway";

for (const project of projects) {
  describe(project.name, () => {
    const site = demo();
    const visit = visits(site, project);
    let number;

    visit("the PMO plans a drill and starts it", async (page) => {
      await signIn(page, site.who("pmo"));
      await verified(page);
      await page.goto("/drills");
      await audit(page, project);
      await page.getByRole("link", { name: "Plan a drill" }).click();
      await page.waitForURL("**/drills/new");
      await audit(page, project);
      await page.getByLabel("Scenario").fill("REL-ZD-01 a bad release of the gateway goes back");
      const choices = page.getByLabel("Service and workload");
      const choice = choices.locator("option").filter({ hasText: gateway });
      const image = /\(([^()]+)\)$/.exec((await choice.textContent()).trim())[1];
      await choices.selectOption(await choice.getAttribute("value"));
      await page.getByLabel("The bad image").fill(image.replace(/:[^:]+$/, ":v0.4.0-bad"));
      await page.getByLabel("Lead").selectOption(site.who("sre").name);
      await page.getByLabel("Participants").fill(site.who("dba").name);
      await shot(page, `${project.name} drill, new`);
      await page.getByRole("button", { name: "Plan it" }).click();
      await page.waitForURL("**/drills/DR-*");
      number = new URL(page.url()).pathname.split("/").at(-1);
      await audit(page, project);
      await shot(page, `${project.name} drill, planned`);
      await page.getByRole("button", { name: "Start the drill" }).click();
      await page.waitForURL(/answer=/);
      await says(page, "another person approves it");
    });

    visit("a signature that comes too early is refused with every reason", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto(`/drills/${number}`);
      assert.ok(await page.getByRole("button", { name: "Sign off" }).isDisabled());
      const reasons = page.locator("#close-list");
      for (const reason of ["The service is not back yet.", "There is no T1", "3 × Screenshot", "1 × Log", "1 × Console record"]) {
        await reasons.getByText(reason).waitFor();
      }
      await audit(page, project);
      await shot(page, `${project.name} drill, too early`);
      // Also where somebody presses a button that is not there: the server says the same.
      const answer = await page.request.post(`/api/v1/drills/${number}/sign-off`, { data: {} });
      assert.equal(answer.status(), 409);
      const { type, refusals } = await answer.json();
      assert.match(type, /closing-refused$/);
      assert.deepEqual(refusals.map((it) => it.code),
        ["not_recovered", "no_t1", "evidence_missing", "evidence_missing", "evidence_missing"]);
    });

    visit("an SRE approves the fault, and then the rollback that it brings about", async (page) => {
      await signIn(page, site.who("sre", 1));
      await page.goto(`/drills/${number}`);
      await says(page, "v0.4.0-bad");
      await audit(page, project);
      await shot(page, `${project.name} drill, to be approved, phone`);
      await page.getByRole("button", { name: /^Approve/ }).click();
      const rollback = page.locator("main a[href^='/rollbacks/RB-']").first();
      await until(page, project, rollback);
      await page.goto(await rollback.getAttribute("href"));
      await page.waitForURL("**/rollbacks/RB-*");
      await page.locator("main").getByRole("link", { name: number }).waitFor();
      await page.locator("input[name=checked]").check();
      await page.locator("section[aria-labelledby=decide] form button.primary").click();
      await page.waitForURL("**/rollbacks/RB-*?answer=*");
    }, { size: phone });

    visit("the PMO sees the clock, and uploads the evidence", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto(`/drills/${number}`);
      await page.getByRole("timer", { name: /^Closure/ }).waitFor();
      await audit(page, project);
      await shot(page, `${project.name} drill, clock, phone`);
      await until(page, project, page.getByText("The clock stops once the evidence"));
      await page.getByRole("timer", { name: /^Closure/ }).waitFor();
      await audit(page, project);
      await shot(page, `${project.name} drill, recovered, phone`);
      const upload = async (kind, name, content) => {
        await page.getByLabel("Kind").selectOption({ label: kind });
        await page.getByLabel("File").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(content) });
        await page.getByRole("button", { name: "Upload evidence" }).click();
        await page.waitForURL(/answer=/);
        await page.getByRole("link", { name }).waitFor();
        await fresh(page, `/drills/${number}`);
      };
      for (const n of [1, 2, 3]) await upload("Screenshot", `monitoring-${n}.png`, `picture ${n}`);
      await upload("Log", "rollout.log", "ready\n");
      await audit(page, project);
      // What is due within a day holds the signature back, and only that.
      const reasons = page.locator("#close-list");
      await reasons.getByText("1 × Console record").waitFor();
      assert.equal(await reasons.getByText("There is no T1").count(), 0);
      await upload("Console record", "dns.txt", "weights\n");
    }, { size: phone });

    visit("who led it does not sign it off", async (page) => {
      await signIn(page, site.who("sre"));
      await page.goto(`/drills/${number}`);
      await says(page, "took part in this drill");
      assert.equal(await page.getByRole("button", { name: "Sign off" }).count(), 0);
      await audit(page, project);
      await shot(page, `${project.name} drill, lead, dark`);
    }, { dark: true });

    visit("the PMO signs it off, and takes the bundle along", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto(`/drills/${number}`);
      await page.getByLabel("Remarks").fill("Found and rolled back as planned.");
      await shot(page, `${project.name} drill, ready`);
      await page.getByRole("button", { name: "Sign off" }).click();
      await says(page, "Signed off by PMO");
      await fresh(page, `/drills/${number}`);
      await audit(page, project);
      await shot(page, `${project.name} drill, signed`);
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("link", { name: /^Export/ }).click(),
      ]);
      assert.equal(download.suggestedFilename(), `${number}.zip`);
      const zip = await readFile(await download.path());
      assert.equal(zip.subarray(0, 2).toString(), "PK");
      await page.goto("/drills");
      await page.locator("main").getByRole("link", { name: number }).waitFor();
      await audit(page, project);
      await shot(page, `${project.name} drills`);
      await page.emulateMedia({ media: "print" });
      await shot(page, `${project.name} drills, print`);
      await page.goto(`/drills/${number}`);
      await shot(page, `${project.name} drill, print`);
    });

    visit("the ledger reads well in Chinese, on a phone and in the dark", async (page) => {
      await signIn(page, site.who("pmo"));
      for (const path of ["/drills", `/drills/${number}`, "/drills/new"]) {
        await page.goto(path);
        await audit(page, project);
        await shot(page, `${project.name} zh ${path.replace(number, "one")}, dark phone`);
      }
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.emulateMedia({ colorScheme: "light" });
      for (const path of ["/drills", `/drills/${number}`]) {
        await page.goto(path);
        await shot(page, `${project.name} zh ${path.replace(number, "one")}`);
      }
    }, { locale: "zh-CN", size: phone, dark: true });
  });
}

// Once what was just done is in the audit chain, an open page hears of it and is loaded again; this one comes after that.
async function fresh(page, path) {
  for (;;) {
    const newest = await (await page.request.get("/api/v1/audit?limit=1")).json();
    if (newest.items[0].hash) break;
  }
  await page.goto(path);
}

// The gateway runs a version that was watched for long enough to go back to.
async function verified(page) {
  await page.goto("/services/api-gateway");
  await page.locator("main").getByRole("link", { name: gateway }).click();
  await page.waitForURL("**/workloads/*");
  // Time alone verifies it, and tells no open page.
  await until(page, { islands: false }, page.locator("main").getByText("Verified healthy").first());
}

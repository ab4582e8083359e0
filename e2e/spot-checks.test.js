// A spot check from its commitment to the signature of the PMO, and one that fails and is owed again. With and without
// JavaScript, each in a world of its own.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { audit, demo, phone, projects, says, shot, signIn, visits } from "./kit.js";

for (const project of projects) {
  describe(project.name, () => {
    const site = demo();
    const visit = visits(site, project);
    let number;

    const planned = async (page, item, kind, sample) => {
      await page.goto("/spot-checks/new");
      await page.getByLabel("What is checked").fill(item);
      await page.getByLabel("Kind").selectOption(kind);
      await page.getByLabel("Service").selectOption({ index: 1 });
      await page.getByLabel("Sample size").fill(String(sample));
      await page.getByRole("button", { name: "Plan and commit to a seed" }).click();
      await page.waitForURL("**/spot-checks/SC-*");
      return new URL(page.url()).pathname.split("/").at(-1);
    };

    const fixed = async (page, items) => {
      await page.getByLabel("Source").selectOption("list");
      await page.getByLabel("Items").fill(items.join("\n"));
      await page.getByRole("button", { name: "Fix the population" }).click();
      await says(page, "never changes; the sample is still to be drawn");
      await page.getByRole("button", { name: "Draw the sample" }).click();
      await says(page, "The sample is drawn");
    };

    visit("the sample is drawn once, and judged by what was found", async (page) => {
      await signIn(page, site.who("dba"));
      await page.goto("/spot-checks");
      await audit(page, project);
      number = await planned(page, "Export tasks replayed", "replay", 3);
      await audit(page, project);
      await shot(page, `${project.name} spot check, planned`);
      const before = await (await page.request.get(`/api/v1/spot-checks/${number}`)).json();
      assert.match(before.commitment, /^sha256:[0-9a-f]{64}$/);
      assert.equal(before.draw, null, "nobody can read the seed before the draw");
      await fixed(page, Array.from({ length: 12 }, (_, n) => `export-${n}`));
      await audit(page, project);
      await shot(page, `${project.name} spot check, drawn`);
      const second = page.locator("select[name='outcomes[1]']");
      await second.selectOption("compensated");
      await page.locator("input[name='values[0]']").fill("0");
      await page.getByRole("button", { name: "Record the results" }).click();
      await says(page, "Please fill this in.");
      assert.equal(await second.inputValue(), "compensated", "what was chosen is kept");
      await page.locator("input[name='notes[1]']").fill("the link was sent by hand");
      await page.getByRole("button", { name: "Record the results" }).click();
      await says(page, "It waits for the PMO to accept it.");
      await page.getByLabel("File").setInputFiles({ name: "shot.txt", mimeType: "text/plain", buffer: Buffer.from("ok") });
      await page.getByRole("button", { name: "Upload evidence" }).click();
      await page.waitForURL(/answer=/);
      await audit(page, project);
      await shot(page, `${project.name} spot check, recorded`);
      await page.setViewportSize(phone);
      await shot(page, `${project.name} spot check, recorded, phone`);
    });

    visit("the PMO accepts it", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto(`/spot-checks/${number}`);
      await page.getByRole("button", { name: "Accept the record" }).click();
      await says(page, "Accepted by");
      const row = await (await page.request.get(`/api/v1/spot-checks/${number}`)).json();
      assert.deepEqual([row.state, row.verdict, row.results.counts.compensated], ["accepted", "pass", 1]);
    });

    visit("one that fails is owed again, first in the list", async (page) => {
      await signIn(page, site.who("dba"));
      const failed = await planned(page, "PITR backup verification", "backup", 1);
      await fixed(page, ["2024-05-11 13:00"]);
      await page.locator("input[name='values[0]']").fill("1");
      await page.locator("input[name='values[1]']").fill("3");
      await page.getByRole("button", { name: "Record the results" }).click();
      await says(page, "An incident was asked for");
      await page.goto("/spot-checks");
      await page.getByText(`Re-test of ${failed}`).first().waitFor();
      await audit(page, project);
      await shot(page, `${project.name} spot checks`);
    });
  });
}

// The matrix of objectives: who reads it, who changes a target, and that a refused change loses nothing. Started by
// `cargo xtask test`.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { audit, demo, projects, says, signIn, visits } from "./kit.js";

const site = demo();

for (const [index, project] of projects.entries()) {
  describe(project.name, () => {
    const visit = visits(site, project);

    visit("the matrix leads to a domain, its documents and its history", async (page) => {
      await signIn(page, site.who("viewer"));
      await page.goto("/objectives");
      await audit(page, project);
      await page.getByRole("link", { name: "生产数据库" }).click();
      await page.waitForURL("**/objectives/edgelink-database");
      await audit(page, project);
      await says(page, "History of the target");
      assert.equal(await page.getByRole("button", { name: "Change the target" }).count(), 0);
    });

    visit("a target is changed with a reason, and a mistake loses nothing", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto("/objectives/edgelink-config");
      await page.getByRole("button", { name: "Change the target" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.locator("[name=rto_s]").fill("soon");
      await dialog.locator("[name=reason]").fill("the drill of May");
      await dialog.getByRole("button", { name: "Save the new version" }).click();
      await says(page, "Something needs to be corrected");
      await audit(page, project);
      assert.equal(await dialog.locator("[name=reason]").inputValue(), "the drill of May");
      await dialog.locator("[name=rto_s]").fill(`${600 + index}`);
      await dialog.getByRole("button", { name: "Save the new version" }).click();
      await says(page, "the drill of May");
      await audit(page, project);
    });
  });
}

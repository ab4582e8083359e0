// The backup matrix as a reader finds it: what cannot be relied on comes first, each row leads to its copies. With and
// without JavaScript.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { audit, demo, phone, projects, says, shot, signIn, visits } from "./kit.js";

const site = demo();

for (const project of projects) {
  describe(project.name, () => {
    const visit = visits(site, project);

    visit("what nobody looks at is unknown, and never fresh", async (page) => {
      await signIn(page, site.who("viewer"));
      await page.goto("/backups");
      await says(page, "unknown is not fresh");
      const matrix = page.getByRole("group", { name: "Backup matrix" });
      assert.equal(await matrix.getByText("Unknown", { exact: true }).count(), 4);
      assert.equal(await matrix.getByText("Fresh", { exact: true }).count(), 0);
      await says(page, "No source is named, so nobody looks.");
      await says(page, "An interval of 1 d cannot meet the domain's RPO of 15 min.");
      await audit(page, project);
      await shot(page, `${project.name} backups`);
    });

    visit("the matrix is filtered by its address", async (page) => {
      await signIn(page, site.who("viewer"));
      await page.goto("/backups");
      await page.getByLabel("Domain").selectOption("edgelink-config");
      await page.getByRole("button", { name: "Filter" }).click();
      await page.waitForURL("**/backups?*domain=edgelink-config*");
      const matrix = page.getByRole("group", { name: "Backup matrix" });
      assert.equal(await matrix.getByRole("link").count(), 2);
      await page.goto("/backups?state=stale");
      await says(page, "No backup is like that.");
    });

    visit("a row shows what the catalog asks of it", async (page) => {
      await signIn(page, site.who("viewer"));
      await page.goto("/backups");
      const matrix = page.getByRole("group", { name: "Backup matrix" });
      await matrix.getByRole("link", { name: "Velero备份" }).click();
      await page.waitForURL("**/backups/edgelink-velero");
      await says(page, "s3://edgelink-backups/velero/production/");
      await says(page, "EdgeLink §4.1, appendix C");
      await says(page, "No copy was seen yet.");
      await audit(page, project);
      await shot(page, `${project.name} backup`);
    });

    visit("it fits a phone", async (page) => {
      await page.setViewportSize(phone);
      await signIn(page, site.who("viewer"));
      for (const path of ["/backups", "/backups/edgelink-velero"]) {
        await page.goto(path);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        assert.equal(wider, false, path);
        await audit(page, project);
      }
      await shot(page, `${project.name} backup, phone`);
    });
  });
}

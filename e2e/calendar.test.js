// The calendar of drills: what is expected, planning for it, putting it to another time, and the feed.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { audit, demo, phone, projects, says, shot, signIn, visits } from "./kit.js";

const site = demo();

for (const project of projects) {
  describe(project.name, () => {
    const visit = visits(site, project);
    // A year of which nothing is over yet, whenever this runs; one month of it for each project.
    const year = new Date().getFullYear() + 1;
    const month = `${year}-${project.islands ? "02" : "08"}`;

    visit("the year leads to a month, and the month to a plan", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto(`/drills/calendar?at=${year}`);
      await audit(page, project);
      await shot(page, `${project.name} calendar, year`);
      await page.getByRole("row", { name: "RDBMS PITR" }).getByRole("link").first().click();
      await page.waitForURL(/at=\d{4}-02/);
      await audit(page, project);
      await page.goto(`/drills/calendar?at=${month}`);
      await page.getByRole("row", { name: "PITR" }).getByRole("link", { name: "Plan it" }).click();
      await page.waitForURL(/\/drills\/new\?expected=/);
      await page.getByLabel("What people do").fill("restore\ncompare");
      await page.getByRole("button", { name: "Plan it" }).click();
      await page.waitForURL(/\/drills\/DR-/);
      await says(page, "RPO");
      await page.goto(`/drills/calendar?at=${month}`);
      await page.getByRole("row", { name: "PITR" }).getByRole("link", { name: /^DR-/ }).waitFor();
      await page.setViewportSize(phone);
      await audit(page, project);
      await shot(page, `${project.name} calendar, month, phone`);
    });

    visit("a period is moved for a reason", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto(`/drills/calendar?at=${month}`);
      const row = page.getByRole("row", { name: /数据库恢复/ });
      await row.getByText("Move", { exact: true }).first().click();
      await row.getByLabel("Until").fill(`${month}-20T00:00`);
      await row.getByLabel("Reason").fill("the promotion comes first");
      await row.getByRole("button", { name: "Move" }).click();
      await says(page, "the promotion comes first");
    });

    visit("the feed is read by its link alone", async (page) => {
      await signIn(page, site.who("viewer"));
      await page.goto("/drills/calendar");
      await page.getByRole("button", { name: "Make a link" }).click();
      const link = page.getByText(/calendar\.ics\?token=/);
      await link.waitFor();
      const feed = await fetch(new URL(await link.textContent(), site.url));
      assert.match(await feed.text(), /^BEGIN:VCALENDAR/);
    });
  });
}

// Trends by month and quarter, and a quarter that the PMO closes. With and without JavaScript, each in a world of its own.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { audit, demo, phone, projects, says, shot, signIn, visits } from "./kit.js";

// The quarter before the one that goes on, in the installation's zone.
const last = (() => {
  const now = new Date(Date.now() + 8 * 3600e3);
  const quarter = Math.floor(now.getUTCMonth() / 3);
  return quarter === 0 ? `${now.getUTCFullYear() - 1}-Q4` : `${now.getUTCFullYear()}-Q${quarter}`;
})();

for (const project of projects) {
  describe(project.name, () => {
    const site = demo();
    const visit = visits(site, project);

    visit("trends can be asked for by month and by quarter", async (page) => {
      await signIn(page, site.who("sre"));
      await page.goto("/trends");
      await audit(page, project);
      await page.getByLabel("Period").selectOption("month");
      await page.getByRole("button", { name: "Filter" }).click();
      await page.waitForURL(/unit=month/);
      assert.match(await page.getByLabel("Up to").inputValue(), /^\d{4}-\d{2}$/);
      await page.setViewportSize(phone);
      await audit(page, project);
      await shot(page, `${project.name} trends, phone`);
      await page.goto("/reconciliation");
      await audit(page, project);
    });

    visit("only the PMO closes a quarter, once, and not before it is over", async (page) => {
      await signIn(page, site.who("sre"));
      await page.goto(`/quarters/${last}`);
      await says(page, "The PMO closes it.");
      await page.context().clearCookies();
      await signIn(page, site.who("pmo"));
      await page.goto("/quarters");
      await audit(page, project);
      await page.getByRole("link", { name: last }).click();
      await page.waitForURL(`**/quarters/${last}`);
      await audit(page, project);
      await page.getByRole("button", { name: "Close the quarter" }).click();
      await says(page, "Nothing has changed since the close.");
      assert.equal(await page.getByRole("button", { name: "Close the quarter" }).count(), 0);
      await audit(page, project);
      await shot(page, `${project.name} quarter, closed`);
      const again = await page.request.post(`/api/v1/quarters/${last}/close`, { data: {} });
      assert.equal(again.status(), 409);
      assert.match((await again.json()).type, /closed-already$/);
    });
  });
}

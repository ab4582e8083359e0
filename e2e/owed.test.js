// What a drill owes: a protection that it has paused, evidence in time, and where it stands in the event system. With
// and without JavaScript, each in a world of its own.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { audit, demo, phone, projects, says, shot, signIn, visits } from "./kit.js";

const target = "p95 <= 1.1 x before 600s s | avg t0..t1 | max(p95_seconds)";

for (const project of projects) {
  describe(project.name, () => {
    const site = demo();
    const visit = visits(site, project);
    let number;

    visit("the PMO plans what pauses a protection and is measured by a query", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto("/drills/new");
      await page.getByLabel("Scenario").fill("DR-SQL-01 PITR");
      await page.getByLabel("What people do").fill("[pauses replication] stop the standby\n[resumes replication] start it");
      await page.getByLabel("Other targets").fill("p95 < 1");
      await page.getByLabel("Report to").fill("the chief engineer");
      await page.getByRole("button", { name: "Plan it" }).click();
      await page.waitForURL(/answer=/);
      // What was wrong is said, and nothing that was typed is lost.
      assert.equal(await page.getByLabel("Other targets").inputValue(), "p95 < 1");
      await page.getByLabel("Other targets").fill(target);
      await audit(page, project);
      await shot(page, `${project.name} owed, new`);
      await page.getByRole("button", { name: "Plan it" }).click();
      await page.waitForURL("**/drills/DR-*");
      number = new URL(page.url()).pathname.split("/").at(-1);
      await says(page, "≤ 1.1 × before T0");
      await says(page, "pauses replication");
      await page.getByRole("button", { name: "Start the drill" }).click();
      await page.waitForURL(/answer=/);
    });

    visit("an SRE approves it, and the first step is done", async (page) => {
      await signIn(page, site.who("sre", 1));
      await page.goto(`/drills/${number}`);
      await page.getByRole("button", { name: /^Approve/ }).click();
      await page.waitForURL(/answer=/);
      for (;;) {
        const data = { reason: "done" };
        const answer = await page.request.post(`/api/v1/drills/${number}/steps/0/confirm`, { data });
        if (answer.status() === 200) break;
        assert.equal(answer.status(), 409);
      }
    });

    visit("what is paused is shown, and a drill that is ended owes it all the same", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto(`/drills/${number}`);
      const panel = page.locator("section[aria-labelledby=unprotected]");
      await panel.getByText("not resumed yet").first().waitFor();
      await page.locator("#close-list").getByText("The protection replication was paused").waitFor();
      await audit(page, project);
      await shot(page, `${project.name} owed, phone`);
      await page.getByText("Link the event").first().click();
      await page.getByLabel("Event system").fill("https://events.example/17");
      await page.getByRole("button", { name: "Link the event" }).click();
      await page.waitForURL(/answer=/);
      await page.getByRole("link", { name: "https://events.example/17" }).waitFor();

      await page.getByText("End the drill").first().click();
      await page.getByLabel("Reason").fill("a real fire");
      await page.getByRole("button", { name: "End the drill" }).click();
      await page.waitForURL(/answer=/);
      await panel.getByText("not resumed yet").first().waitFor();
      await panel.locator("summary").click();
      await panel.getByLabel("How you know").fill("the lag is 0 again");
      await panel.getByRole("button", { name: "Record that it is resumed" }).click();
      await page.waitForURL(/answer=/);
      await panel.getByText("the lag is 0 again").waitFor();
      assert.equal(await panel.getByText("not resumed yet").count(), 0);
      await audit(page, project);
      await shot(page, `${project.name} owed, resumed, phone`);
    }, { size: phone });
  });
}

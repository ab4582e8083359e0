// Policies that people edit, the simulator, the rails, the statistics, and the inbox by keyboard and on a phone. With and
// without JavaScript, each in a world of its own.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { audit, demo, phone, projects, says, shot, signIn, visits } from "./kit.js";

for (const project of projects) {
  describe(project.name, () => {
    const site = demo();
    const visit = visits(site, project);

    visit("every list, page and form is fit to be used, on a desk and on a phone", async (page) => {
      await signIn(page, site.who("sre"));
      for (const path of [
        "/policies", "/policies/default", "/policies/default/edit", "/policies/new", "/signals", "/signals/PodCrashLoop",
        "/signals/PodCrashLoop/edit", "/signals/new", "/rails", "/simulator", "/statistics", "/approvals", "/rollbacks",
        "/services/api-gateway",
      ]) {
        await page.goto(path);
        await audit(page, project, path);
        await shot(page, `${project.name} ${path}`);
      }
    });

    visit("and so on a phone", async (page) => {
      await signIn(page, site.who("viewer"));
      for (const path of ["/policies", "/policies/default", "/signals", "/rails", "/simulator", "/statistics", "/services/api-gateway"]) {
        await page.goto(path);
        await audit(page, project, path);
        await shot(page, `${project.name} phone ${path}`);
      }
    }, { size: phone, dark: true, locale: "zh-CN" });

    visit("a policy is edited: first looked at, what is wrong beside its field, then handed over", async (page) => {
      await signIn(page, site.who("sre"));
      await page.goto("/policies/default");
      await page.getByRole("link", { name: "Edit" }).click();
      await page.getByLabel(/^Cool-down/).fill("soon");
      await page.getByLabel(/^Why it is changed/).fill("fewer pages at night");
      await page.getByRole("button", { name: "Show the difference" }).click();
      await says(page, "Must be a whole number");
      assert.equal(await page.getByLabel(/^Cool-down/).inputValue(), "soon");
      assert.equal(await page.getByLabel(/^Why it is changed/).inputValue(), "fewer pages at night");
      await page.getByLabel(/^Cool-down/).fill("60");
      await page.getByRole("button", { name: "Show the difference" }).click();
      await says(page, "rails.cooldown_s: 60");
      await audit(page, project);
      await shot(page, `${project.name} policy diff`);
      await page.getByRole("button", { name: "Hand it to a second person" }).click();
      await page.waitForURL("**/policies/default?*");
      await says(page, "You asked for this one");
      assert.equal(await page.getByRole("button", { name: /^Consent/ }).count(), 0);
    });

    visit("the inbox leads the second person to it, by keys too", async (page) => {
      await signIn(page, site.who("sre", 1));
      await page.goto("/approvals");
      await says(page, "New version: policies/default");
      await audit(page, project);
      await shot(page, `${project.name} inbox`);
      const link = page.getByRole("link", { name: "New version: policies/default", exact: true });
      if (project.islands) {
        // Until the island has woken, the key says nothing.
        await page.waitForFunction(() => {
          window.dispatchEvent(new KeyboardEvent("keydown", { key: "j" }));
          return document.activeElement?.closest(".queue li") !== null;
        });
        await link.focus();
        await page.keyboard.press("Enter");
      } else {
        await link.click();
      }
      await page.waitForURL("**/policies/default*");
      await says(page, "fewer pages at night");
      await page.getByRole("button", { name: "Consent and put in force" }).click();
      await says(page, "version 2");
      await shot(page, `${project.name} policy after consent`);
    });

    visit("a phone shows the inbox whole, in the dark", async (page) => {
      await signIn(page, site.who("sre"));
      await page.goto("/policies/default/edit");
      await page.getByLabel(/^Why it is changed/).fill("back to normal");
      await page.getByLabel(/^Cool-down/).fill("300");
      await page.getByRole("button", { name: "Show the difference" }).click();
      await page.getByRole("button", { name: "Hand it to a second person" }).click();
      await page.waitForURL("**/policies/default?*");
      await page.goto("/approvals");
      await says(page, "New version: policies/default");
      await audit(page, project);
      await shot(page, `${project.name} inbox phone dark`);
    }, { size: phone, dark: true });

    visit("a situation is tried, and what is none is told with its place and kept", async (page) => {
      await signIn(page, site.who("viewer"));
      await page.goto("/simulator");
      await page.getByRole("textbox", { name: /^Situation/ }).fill('{\n  "at": 5\n}');
      await page.getByRole("button", { name: "Try it" }).click();
      await says(page, "Line 2, column 9");
      assert.equal(await page.getByRole("textbox", { name: /^Situation/ }).inputValue(), '{\n  "at": 5\n}');
      const situation = {
        at: "2026-10-16T03:00:00Z", service: { name: "api" }, policy: { name: "default", mode: "auto" },
        workload: { cluster: "lab", namespace: "shop", kind: "Deployment", name: "api", live: { digest: `sha256:${"0".repeat(64)}` } },
      };
      await page.getByRole("textbox", { name: /^Situation/ }).fill(JSON.stringify(situation, null, 2));
      await page.getByRole("button", { name: "Try it" }).click();
      await says(page, "Score / confidence");
      await audit(page, project);
      await shot(page, `${project.name} simulator`);
    });
  });
}

// The story that the demo begins with a button, as the people see it who have to decide: what broke is found, a person
// approves the plan, it is carried out and proven. With and without JavaScript, each in a world of its own.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { audit, demo, phone, projects, says, shot, signIn, until, visits } from "./kit.js";

for (const project of projects) {
  describe(project.name, () => {
    const site = demo();
    const visit = visits(site, project);
    let number;

    visit("a bad release is found, and a rollback waits for a person", async (page) => {
      await signIn(page, site.who("sre"));
      await page.goto("/");
      await page.getByRole("button", { name: "Break the api-gateway" }).click();
      await until(page, project, page.locator("main").getByRole("link", { name: /^Review/ }));
      await audit(page, project);
      await shot(page, `${project.name} overview`);
      await page.goto("/approvals");
      await audit(page, project);
      await page.locator("main").getByRole("link", { name: /^Review/ }).click();
      await page.waitForURL("**/rollbacks/RB-*");
      number = new URL(page.url()).pathname.split("/").at(-1);
      await audit(page, project);
      await shot(page, `${project.name} approval`);
    });

    visit("who may not approve is told who may", async (page) => {
      await signIn(page, site.who("viewer"));
      await page.goto(`/rollbacks/${number}`);
      await audit(page, project);
      await says(page, "sre");
      assert.equal(await page.getByRole("button", { name: /^Approve/ }).count(), 0);
      await shot(page, `${project.name} approval, viewer`);
    }, { size: phone, dark: true });

    visit("the SRE approves it on a phone; it is carried out, verified and signed for", async (page) => {
      await signIn(page, site.who("sre"));
      await page.goto(`/rollbacks/${number}`);
      await audit(page, project);
      await shot(page, `${project.name} approval, phone`);
      await page.locator("input[name=checked]").check();
      await page.locator("section[aria-labelledby=decide] form button.primary").click();
      await page.waitForURL(`**/rollbacks/${number}?answer=*`);
      // What no machine can see is for a person to say, and comes once the pods and the checks were well for long enough.
      const save = page.getByRole("button", { name: "Save the checklist" });
      await until(page, project, save);
      const items = page.locator("form").filter({ has: save }).locator("input[type=checkbox]");
      for (const item of await items.all()) await item.check();
      await save.click();
      const state = page.locator("section[aria-labelledby=decide] > header .badge");
      await until(page, project, state.filter({ hasText: /^verified$/i }));
      await audit(page, project);
      await shot(page, `${project.name} closed, phone`);
    }, { size: phone });

    visit("the record of it reads well in Chinese", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto(`/rollbacks/${number}`);
      await audit(page, project);
      await shot(page, `${project.name} closed`);
      await page.locator("main a[href^='/runs/']").first().click();
      await audit(page, project);
      await shot(page, `${project.name} run`);
      await page.goBack();
      await page.locator("main a[href^='/decisions/']").first().click();
      await audit(page, project);
      await shot(page, `${project.name} decision`);
    }, { locale: "zh-CN" });

    visit("a person asks for a rollback, and is told where nothing can be gone back to", async (page) => {
      await signIn(page, site.who("sre"));
      await page.goto("/services/api-gateway");
      await page.getByRole("button", { name: "Request a rollback" }).first().click();
      await shot(page, `${project.name} request of a service`);
      await page.keyboard.press("Escape");
      await page.locator("section[aria-labelledby=workloads] tbody a").first().click();
      await page.waitForURL("**/workloads/*");
      await page.getByRole("button", { name: "Request a rollback" }).first().click();
      const dialog = page.locator("dialog").filter({ has: page.locator("[name=reason_kind]") });
      // Without a reason nobody could approve it.
      await dialog.locator("[name=reason]").fill("   ");
      await dialog.getByRole("button", { name: "Request a rollback" }).click();
      await page.waitForURL("**answer=*");
      assert.equal(await dialog.locator("[name=reason]").getAttribute("aria-invalid"), "true");
      await audit(page, project);
      await shot(page, `${project.name} request refused`);
      await dialog.locator("[name=reason]").fill("Clients fail at the new login");
      await dialog.getByRole("button", { name: "Request a rollback" }).click();
      await page.waitForURL("**/rollbacks/RB-*");
      await says(page, "Clients fail at the new login");
      await audit(page, project);
      await shot(page, `${project.name} requested`);
      // Everything else that this service ever ran is bad or was never rolled out.
      await says(page, "There is no verified revision to go back to.");
    });
  });
}

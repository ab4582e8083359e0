// The first page, for each role: what waits for them comes first, and nobody is asked for what they may not do; and the
// page on which a second person reads an import. With and without JavaScript, each in a world of its own.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { audit, demo, phone, projects, says, shot, signIn, until, visits } from "./kit.js";

for (const project of projects) {
  describe(project.name, () => {
    const site = demo();
    const visit = visits(site, project);
    const queue = (page) => page.locator("section[aria-labelledby=queue]");
    const item = (page, text) => queue(page).locator("li").filter({ hasText: text });

    // As a program with the session of whoever is signed in.
    const call = async (page, path, data) => {
      const answer = await page.request.post(`/api/v1${path}`, { data });
      assert.equal(answer.status(), 201, await answer.text());
      return answer.json();
    };

    visit("where nothing waits it is said what is fine, and what comes next", async (page) => {
      await signIn(page, site.who("pmo"));
      await page.goto("/");
      await says(page, "Nothing waits for you");
      await says(page, "No drill and no spot check waits for your signature");
      await audit(page, project);
      await shot(page, `${project.name} attention, nothing`);
    });

    visit("backups are their owners'; who looks on is told, and nothing of it is theirs", async (page) => {
      await signIn(page, site.who("dba"));
      await page.goto("/");
      assert.equal(await queue(page).locator("li").count(), 1);
      await item(page, "edgelink-database").getByRole("link", { name: /^Look/ }).click();
      await page.waitForURL("**/backups/*");
      assert.equal(await page.locator("#token").count(), 0, "tokens are the administrators'");
    });

    visit("a viewer is told what is out of order", async (page) => {
      await signIn(page, site.who("viewer"));
      await page.goto("/");
      await says(page, "To be known");
      assert.equal(await queue(page).locator("li").count(), 4);
      await audit(page, project);
      await shot(page, `${project.name} attention, viewer`);
    }, { dark: true });

    visit("an import is asked for", async (page) => {
      await signIn(page, site.who("sre"));
      const text = (limit) => `kind: signal\nname: HighErrorRate\nseverity: critical\nlimit: ${limit}\nvalue: up\n`;
      for (const limit of [0.2, 0.3]) {
        const import_ = await call(page, "/catalog/imports", { files: { "signal.yaml": text(limit) } });
        assert.equal(import_.state, "awaiting_consent");
      }
      await page.goto("/");
      assert.equal(await item(page, "An import waits").count(), 0, "nobody consents to their own");
      await page.goto("/admin/imports");
      await says(page, "You asked for this one");
      assert.equal(await page.getByRole("button", { name: /^Consent/ }).count(), 0);
      await audit(page, project);
    });

    visit("another person reads one, and refuses it with a reason", async (page) => {
      await signIn(page, site.who("sre", 1));
      await page.goto("/");
      await item(page, "An import waits").first().getByRole("link", { name: /^Review/ }).click();
      await page.waitForURL("**/admin/imports*");
      await audit(page, project);
      await shot(page, `${project.name} imports`);
      const last = page.locator("section.panel").filter({ hasText: "limit: 0.3" });
      await last.getByRole("button", { name: "Refuse" }).click();
      await last.getByLabel(/^Why it is refused/).fill("0.3 is too late");
      await last.locator("dialog").getByRole("button", { name: "Refuse" }).click();
      await says(page, "0.3 is too late");
    }, { size: phone });

    // In a visit of its own: the page is loaded again when the refusal is sealed, and would take the click away.
    visit("and consents to the other", async (page) => {
      await signIn(page, site.who("sre", 1));
      await page.goto("/admin/imports");
      const waiting = page.locator("section.panel").filter({ hasText: "limit: 0.2" });
      await waiting.getByRole("button", { name: "Consent and put in force" }).click();
      await waiting.getByText("in force", { exact: true }).waitFor();
      assert.equal(await page.getByRole("button", { name: /^Consent/ }).count(), 0);
      await page.goto("/");
      assert.equal(await item(page, "An import waits").count(), 0);
    });

    visit("a rollback that waits comes first, with its clock, for who may approve it", async (page) => {
      await signIn(page, site.who("sre"));
      await page.goto("/");
      await page.getByRole("button", { name: "Break the api-gateway" }).click();
      await until(page, project, item(page, "A rollback waits for approval"));
      assert.match(await queue(page).locator("li").first().textContent(), /A rollback waits for approval/);
      await audit(page, project);
      await shot(page, `${project.name} attention, sre`);
      await item(page, "A rollback waits for approval").getByRole("link", { name: /^Review/ }).click();
      await page.waitForURL("**/rollbacks/RB-*");
    }, { size: phone });

    for (const role of ["dba", "pmo", "admin"]) {
      visit(`and not for the ${role}`, async (page) => {
        await signIn(page, site.who(role));
        await page.goto("/");
        await queue(page).waitFor();
        assert.equal(await item(page, "A rollback waits for approval").count(), 0);
        await audit(page, project);
      }, { locale: "en", size: phone, dark: true });
    }

    visit("an administrator gives a backup its token, and takes it back", async (page) => {
      await signIn(page, site.who("admin"));
      await page.goto("/backups/edgelink-velero");
      const panel = page.locator("section[aria-labelledby=token]");
      await panel.locator("summary").click();
      const shown = await panel.locator("code.command").textContent();
      const [address] = /\/api\/v1\/heartbeats\/lb_[0-9a-f]{64}/.exec(shown);
      await audit(page, project);
      await panel.getByRole("button", { name: "Make a token" }).click();
      await panel.getByText("never used").waitFor();
      assert.equal((await page.request.post(address)).status(), 202);
      await panel.getByRole("button", { name: "Revoke the token" }).click();
      await panel.locator("dialog").getByRole("button", { name: "Revoke the token" }).click();
      await panel.getByText("no token").waitFor();
      assert.equal((await page.request.post(address)).status(), 404);
    });
  });
}

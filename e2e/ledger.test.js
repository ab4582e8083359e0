// The ledger as a list that is filtered and sorted, and an older ledger that is taken over: uploaded, looked at, refused while
// something is wrong, and confirmed. With and without JavaScript, each in a world of its own.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { audit, demo, phone, projects, says, shot, signIn, visits } from "./kit.js";

const file = (text) => ({ name: "old-ledger.csv", mimeType: "text/csv", buffer: Buffer.from(text) });

const ledger = (pmo, lead) => `编号,场景/脚本,负责人/参与人,起止时间（T0/T1),指标结果,证据链接,问题与行动项,闭环确认
DR-20240512-01,DR-SQL-01 数据库时间点恢复,"${lead}、旧同事",2024-05-12 10:00 至 11:20,"RTO 12 min；RPO 3 min",https://s3.example/a.png,"主备延迟偏高
补监控（负责人：${lead}，截止：2024-06-01）",${pmo} 2024-05-12
DR-20240620-01,REL-ZD-01 整个 Region 切换,${lead},2024-06-20 09:00 至 10:45,RTO 25 min,,,${pmo} 2024-06-21
`;

for (const project of projects) {
  describe(project.name, () => {
    const site = demo();
    const visit = visits(site, project);

    visit("an older ledger is refused with every problem, then previewed and imported", async (page) => {
      const pmo = site.who("pmo");
      const old = ledger(pmo.name, site.who("sre").name);
      await signIn(page, pmo);
      await page.goto("/drills");
      await page.getByRole("link", { name: "Import an older ledger" }).click();
      await page.waitForURL("**/drills/import");
      await audit(page, project);
      const upload = async (text) => {
        await page.locator("#import-file").setInputFiles(file(text));
        await page.getByRole("button", { name: "Preview" }).click();
        await page.waitForURL(/file=/);
      };
      const wrong = old.replace("2024-05-12 10:00 至 11:20", "2024-05-12 10:00 至 09:20").replace("DR-20240620-01", "DR-1");
      await upload(wrong);
      await says(page, "This is before T0.");
      await says(page, "A number looks like DR-YYYYMMDD-XX.");
      assert.equal(await page.getByRole("button", { name: /^Import/ }).count(), 0);
      await audit(page, project);
      await shot(page, `${project.name} ledger, refused`);
      await upload(old);
      await says(page, "no account 旧同事; kept as written");
      await audit(page, project);
      await shot(page, `${project.name} ledger, preview`);
      await page.setViewportSize(phone);
      await audit(page, project);
      await shot(page, `${project.name} ledger, preview, phone`);
      await page.getByRole("button", { name: "Import 2 drills" }).click();
      await page.waitForURL(/\/drills\?answer=/);
      await page.getByRole("link", { name: "DR-20240512-01" }).waitFor();
      await page.goto("/drills/DR-20240512-01");
      await says(page, "Taken over from an older ledger");
      await audit(page, project);
    });

    visit("the list is filtered, sorted, printed and saved as a file", async (page) => {
      await signIn(page, site.who("viewer"));
      await page.goto("/drills");
      await page.getByLabel("Number or scenario").fill("时间点");
      await page.getByRole("button", { name: "Filter" }).click();
      await page.getByRole("link", { name: "DR-20240512-01" }).waitFor();
      assert.equal(await page.getByRole("link", { name: "DR-20240620-01" }).count(), 0);
      await audit(page, project);
      const csv = await page.getByRole("link", { name: "Export CSV" }).getAttribute("href");
      const saved = await (await page.request.get(csv)).text();
      assert.match(saved, /DR-20240512-01/);
      assert.doesNotMatch(saved, /DR-20240620-01/);
      await page.goto("/drills");
      await page.getByRole("link", { name: "Closure", exact: true }).click();
      const first = page.locator("tbody tr th a").first();
      assert.equal(await first.textContent(), "DR-20240620-01", "it took longest");
      await shot(page, `${project.name} ledger, by closure`);
      await page.getByRole("link", { name: "Print all" }).click();
      await page.waitForURL("**/drills/print**");
      assert.ok(await page.locator(".sheet").count() >= 2);
      await audit(page, project);
      await shot(page, `${project.name} ledger, print`);
      await page.goto("/drills?state=nonsense");
      await says(page, "The filter cannot be used");
      await audit(page, project);
      await page.setViewportSize(phone);
      await page.goto("/drills");
      await audit(page, project);
      await shot(page, `${project.name} ledger, phone`);
    });
  });
}

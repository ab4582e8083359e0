// A year of Glancy's drills and spot checks, entered through the public API alone, for people to look at:
//
//     lifeboat run --demo --demo-at 2023-12-31T09:00:00+08:00 --data-dir DIR
//     node glancy-year.js http://127.0.0.1:8080 DIR
//
// Twelve drills by the calendar of the document (one missed, one failed and done again, one over its closure limit), the
// three spot checks of its §4.3 as they stand there and one that failed, EdgeLink's quarterly drills beside them, the
// close of every quarter, and the backup matrix with what its scripts said at last. The demo lets time pass where nobody
// would want to wait for it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { deflateSync } from "node:zlib";

const [url = "http://127.0.0.1:8080", data = "/var/tmp/lifeboat"] = process.argv.slice(2);
const passwords = JSON.parse(await readFile(`${data}/demo-passwords.json`, "utf8"));
const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

// Whoever does something, by their session.
class Person {
  constructor(name, cookie) {
    Object.assign(this, { name, cookie });
  }

  static async signIn(name) {
    const body = new URLSearchParams({ name, password: passwords[name] });
    const answer = await fetch(`${url}/sign-in`, { method: "POST", body, redirect: "manual" });
    const cookie = answer.headers.getSetCookie().map((it) => it.split(";")[0]).join("; ");
    assert.match(cookie, /session=/, `${name} may not sign in`);
    return new Person(name, cookie);
  }

  async call(method, path, body, wanted = [200, 201, 202, 204]) {
    const form = body instanceof FormData;
    const headers = { cookie: this.cookie, ...(form ? {} : { "content-type": "application/json" }) };
    const sent = body === undefined ? undefined : form ? body : JSON.stringify(body);
    const answer = await fetch(url + path, { method, headers, body: sent });
    const text = await answer.text();
    assert.ok(wanted.includes(answer.status), `${method} ${path} ${sent}: ${answer.status} ${text}`);
    return text && answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
  }

  get(path) {
    return this.call("GET", `/api/v1${path}`);
  }

  post(path, body = {}) {
    return this.call("POST", `/api/v1${path}`, body);
  }

  upload(subject, kind, name, content) {
    const form = new FormData();
    form.set("kind", kind);
    form.set("subject", subject);
    form.set("sha256", createHash("sha256").update(content).digest("hex"));
    form.set("file", new Blob([content]), name);
    return this.call("POST", "/api/v1/evidence", form);
  }
}

const people = ["SRE on call", "Second SRE", "DBA", "PMO", "Administrator"];
const [sre, second, dba, pmo, admin] = await Promise.all(people.map(Person.signIn));

let clock = 0;

// Nobody waits; the clock of the demo does.
async function until(at) {
  clock = at instanceof Date ? at.getTime() : at;
  await sre.call("POST", "/demo/clock", { at: new Date(clock).toISOString() });
}

const pass = (time) => until(clock + time);
const shanghai = (text) => new Date(`${text}+08:00`);

// What the product does by itself takes a moment of real time.
async function settled(what, look) {
  for (let left = 600; left > 0; left--) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`waited in vain: ${what}`);
}

// A picture of its own for each piece of evidence, as a monitoring page would be.
function picture(seed) {
  const size = 48, shade = createHash("sha256").update(seed).digest();
  const rows = Buffer.concat(Array.from({ length: size }, (_, y) => Buffer.concat([Buffer.from([0]),
    Buffer.from(Array.from({ length: size }, (_, x) => (size - y < 8 + (shade[x % 32] % 32) ? 90 : 235)))])));
  const chunk = (type, body) => {
    const typed = Buffer.concat([Buffer.from(type), body]);
    const length = Buffer.alloc(4), sum = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    sum.writeUInt32BE(crc32(typed));
    return Buffer.concat([length, typed, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", head), chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0))]);
}

function crc32(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

// What Prometheus says on any day to the query of the target of this name.
const usual = {
  degraded_hit_rate: 1, rpo: 4, sla: 0.9985, exports_latency: 1.7, exports_replay: 8, crr_delay: 11,
  hit_rate_recovery: 0.91, contract_pass_rate: 1, p95: 0.24, error_rate: 0.002,
};
const metric = (query, value) => {
  assert.notEqual(value, undefined, `nothing is said of ${query}`);
  return sre.call("POST", "/demo/metrics", { query, value });
};

// Planned, approved by somebody else, done step by step, proven, judged, signed. `minutes` is what each step takes.
// `measured` is what Prometheus says from T0 until the service is back, by the name of the target, where that is not as
// usual.
async function drill({ expected, at, lead = sre, steps, minutes, evidence = 6, measured = {}, issues = [], actions = [],
  judge = () => true, plan = {}, number, note = "按 4.2 模板建账，证据齐全。" }) {
  // Whoever leads it does the steps; an SRE keeps the row.
  const keeper = lead === dba ? sre : lead;
  await until(Math.max(clock + MINUTE, shanghai(at).getTime() - 3 * DAY));
  if (!number) {
    const manual = steps.map((instruction) => ({ kind: "manual", instruction }));
    const people = [dba, second].filter((it) => it !== lead).map((it) => it.name).slice(0, 1);
    ({ number } = await sre.post("/drills", {
      expected, lead: lead.name, participants: people, planned_at: shanghai(at), plan: { steps: manual }, ...plan,
    }));
  }
  const asked = (await sre.get(`/drills/${number}`)).targets.filter((it) => it.measure);
  for (const it of asked) await metric(it.measure.query, usual[it.name]);
  await until(shanghai(at));
  const begun = await sre.post(`/drills/${number}/start`);
  const run = await sre.get(`/runs/${begun.run}`);
  await pass(2 * MINUTE);
  await second.post(`/runs/${run.id}/approvals`, { plan_digest: run.plan.digest, decision: "approve", reason: "演练窗口已确认" });
  for (const it of asked) await metric(it.measure.query, measured[it.name] ?? usual[it.name]);
  for (let step = 0; step < steps.length; step++) {
    await settled(`${number} step ${step}`, async () => {
      const now = await sre.get(`/runs/${run.id}`);
      return now.steps[step].state === "running";
    });
    await pass(minutes[step] * MINUTE);
    await lead.post(`/drills/${number}/steps/${step}/confirm`, { reason: "按脚本完成" });
  }
  await settled(`${number} has a T0`, async () => (await sre.get(`/drills/${number}`)).t0);
  await settled(`${number} has ended its run`, async () => (await sre.get(`/runs/${run.id}`)).state === "succeeded");
  await keeper.post(`/drills/${number}/recover`);
  for (const it of asked) await metric(it.measure.query, usual[it.name]);
  for (const name of ["监控大盘", "链路探针", "控制台"]) {
    await pass(evidence * MINUTE);
    await lead.upload(`drills/${number}`, "screenshot", `${name}.png`, picture(number + name));
  }
  const log = `${number}\n${steps.map((it, n) => `${n + 1} ${it}: ok`).join("\n")}\n`;
  await lead.upload(`drills/${number}`, "log", "execution.log", log);
  for (const issue of issues) await keeper.post(`/drills/${number}/issues`, issue);
  for (const action of actions) {
    const due = new Date(clock + 14 * DAY);
    await keeper.post(`/drills/${number}/action-items`, { owner: lead.name, due, ...action });
  }
  await pass(5 * HOUR);
  const open = (await sre.get(`/drills/${number}`)).evidence.filter((it) => !it.satisfied_by);
  for (const [n, it] of open.entries()) {
    await dba.upload(`drills/${number}`, it.kind, `${it.kind}-${n + 1}.txt`, `${number} ${it.kind} ${n}\n`);
  }
  const drawn = await settled(`${number} is measured`, async () => {
    const now = await sre.get(`/drills/${number}`);
    const has = (name) => now.measurements.some((it) => it.name === name && it.value !== null && !it.objective);
    return asked.every((it) => has(it.name)) && now;
  });
  for (const [n, criterion] of drawn.criteria.entries()) {
    await lead.post(`/drills/${number}/criteria/${n + 1}`, { met: judge(criterion.text) });
  }
  for (const it of drawn.action_items.filter((it) => it.critical || expected?.startsWith("edgelink"))) {
    const proof = await lead.upload(`drills/${number}`, "other", `action-${it.position}.txt`, `${number} ${it.text}\n`);
    const other = it.owner === second.name ? sre : second;
    await other.post(`/drills/${number}/action-items/${it.position}/verify`, { evidence: proof.sha256 });
  }
  await pass(2 * HOUR);
  const signed = await pmo.post(`/drills/${number}/sign-off`, { note });
  console.log(`${number} ${signed.outcome} ${signed.scenario}`);
  return signed;
}

// Committed, fixed, drawn, recorded by whoever looked, accepted by the PMO.
async function spotCheck({ at, kind, item, size, population, checks, outcome = () => ({ outcome: "passed" }), took, note, number }) {
  await until(shanghai(at));
  if (!number) {
    ({ number } = await dba.post("/spot-checks", { service: "lookup", kind, item, sample_size: size }));
  }
  await dba.post(`/spot-checks/${number}/population`, population);
  const { draw } = await dba.post(`/spot-checks/${number}/draw`);
  await pass(took * MINUTE);
  const items = draw.sample.map((id, n) => ({ id, ...outcome(n) }));
  const recorded = await dba.post(`/spot-checks/${number}/results`, { items, checks, note });
  await sre.upload(`spot-checks/${number}`, "spot_check", `${number}.png`, picture(number));
  await pass(2 * HOUR);
  await pmo.post(`/spot-checks/${number}/accept`, { note });
  console.log(`${number} ${recorded.verdict} ${item}${recorded.retest ? `, again as ${recorded.retest}` : ""}`);
  return recorded;
}

// EdgeLink's three of every quarter, which the demo's catalog expects, too.
const edgelink = (expected, at) => drill({
  expected, at, steps: ["按手册执行场景", "验证核心功能"], minutes: [6, 4], evidence: 3, note: "季度演练完成。",
});

// Objectives and backups of the document. Nothing of Glancy's can be asked from here, so its scripts say what they did.
async function catalog() {
  const read = (name) => readFile(new URL(`../catalog/glancy/${name}`, import.meta.url), "utf8");
  const objectives = (await read("objectives.yaml")).replaceAll(/^recovery:\n( .*\n)+|^replication: .*\n/gm, "");
  const backups = (await read("backups.yaml"))
    .replaceAll(/^ +source: \{.*\}\n/gm, "").replaceAll(/^source: \{.*\}$/gm, "source: {kind: heartbeat}");
  const asked = await sre.post("/catalog/imports", { files: { "objectives.yaml": objectives, "backups.yaml": backups } });
  await second.post(`/catalog/imports/${asked.id}/consents`, { digest: asked.digest });
}

// What each script says at its end; hours ago, or seconds behind where it copies continuously.
async function heartbeats() {
  const told = {
    "glancy-pg-base": { hours: 3 }, "glancy-pg-wal": { lag: 20 }, "glancy-pg-cold": { hours: 60 },
    "glancy-exports-dump": { hours: 8 }, "glancy-exports-offset": { hours: 0.05 }, "glancy-redis-aof": { lag: 1 },
    "glancy-redis-rdb": { hours: 14 }, "glancy-objects-crr": { lag: 310 }, "glancy-config": { hours: 2 },
    "glancy-kms": { hours: 24 * 12 },
  };
  for (const [name, { hours, lag }] of Object.entries(told)) {
    const { path } = await admin.post(`/backups/${name}/token`);
    const at = lag === undefined ? { taken_at: new Date(clock - hours * HOUR) } : { lag_s: lag };
    await admin.call("POST", path, { artefact: `${name}-1`, encrypted: true, ...at });
  }
}

const closeOf = async (quarter, at) => {
  await until(shanghai(at));
  const closed = await pmo.post(`/quarters/${quarter}/close`, { lang: "zh-CN" });
  console.log(`${quarter} closed: ${closed.rows} rows, ${closed.digest}`);
};

await until(shanghai("2024-01-02T10:00:00"));
await catalog();
await drill({
  expected: "glancy-01-doubao-degradation", at: "2024-01-17T14:00:00",
  steps: ["切断 Doubao 出口", "确认熔断打开并返回基础释义", "恢复 Doubao 出口"], minutes: [4, 21, 9],
});
await edgelink("edgelink-rollback", "2024-01-24T10:00:00");
await drill({
  expected: "glancy-02-pitr", at: "2024-02-21T10:00:00", lead: dba,
  steps: ["停止主库写入", "恢复到时间点并回放 WAL", "切换连接串到 az-b", "回放删除队列"], minutes: [2, 14, 5, 6],
  actions: [{ text: "将连接串切换并入 promote-standby.sh", critical: false }],
});
await edgelink("edgelink-database", "2024-02-28T10:00:00");
await edgelink("edgelink-dr-switch", "2024-03-13T10:00:00");
await drill({
  expected: "glancy-03-region-switch", at: "2024-03-20T02:00:00",
  steps: ["前置校验：CRR、备用区副本、权重路由", "执行 warm-standby-cutover", "切换 Route53 权重", "验证 LLM 适配层"],
  minutes: [6, 19, 11, 5], measured: { sla: 0.9932 },
});
await closeOf("2024-Q1", "2024-04-03T10:00:00");

// Failed: the exports were back later than they may; done again within 30 days.
const failed = await drill({
  expected: "glancy-04-exports-replay", at: "2024-04-17T15:00:00", lead: dba,
  steps: ["注入 exports 超时", "重放失败任务", "校验 CRR"], minutes: [3, 16, 8], measured: { exports_replay: 640 },
  judge: (it) => !it.includes("CRR"),
  issues: [{
    text: "消费延迟 27 分钟后才回到 1 分钟以内", about: "exports_replay", cause: "同上：单线程重放",
    remedy: "并行重放后复测", class: "procedure",
  }, {
    text: "失败任务重放用了 27 分钟", about: "rto", cause: "重放脚本单线程，偏移快照缺少一段",
    remedy: "改为按分区并行重放；快照间隔缩短到 5 分钟并核对", class: "procedure",
  }],
  actions: [{ text: "重放脚本按分区并行", critical: true }],
  note: "未达标，30 天内复测。",
});
await edgelink("edgelink-rollback", "2024-04-24T10:00:00");
await spotCheck({
  at: "2024-05-12T13:00:00", kind: "backup", item: "PITR 备份校验", size: 1, took: 38,
  population: { window: { from: shanghai("2024-05-11T13:00:00"), to: shanghai("2024-05-11T13:00:00"), step_s: 3600 } },
  checks: [{ name: "restored", value: 1 }, { name: "differences", value: 0 }], note: "合格",
});
{
  const again = (await sre.get("/drills?state=planned&limit=50")).items.find((it) => it.retest_of === failed.number);
  assert.ok(again, `${failed.number} has a re-test`);
  await drill({
    number: again.number, at: "2024-05-15T15:00:00", lead: dba,
    steps: ["注入 exports 超时", "重放失败任务", "校验 CRR"], minutes: [2, 7, 3], measured: { exports_replay: 480 }, note: "复测通过。",
  });
}
await edgelink("edgelink-database", "2024-05-22T10:00:00");
await drill({
  expected: "glancy-05-redis-rebuild", at: "2024-05-29T15:00:00",
  steps: ["停止 Redis 主节点", "AOF 恢复", "补偿配额计数"], minutes: [1, 5, 3], measured: { hit_rate_recovery: 0.31 },
});
await edgelink("edgelink-dr-switch", "2024-06-12T10:00:00");
await drill({
  expected: "glancy-06-release-rollback", at: "2024-06-19T15:00:00",
  steps: ["发布带缺陷的版本", "回滚到上一版本并回放 500 个契约样本"], minutes: [1, 3],
});
await spotCheck({
  at: "2024-06-20T10:00:00", kind: "replay", item: "导出任务重放", size: 20, took: 74,
  population: { items: Array.from({ length: 137 }, (_, n) => `export-${String(n + 1).padStart(4, "0")}`) },
  outcome: (n) => (n === 11 ? { outcome: "compensated", note: "补发链接" } : { outcome: "passed" }),
  checks: [{ name: "differences", value: 0 }], note: "19 条自动成功，1 条补偿，闭环 ≤90 min",
});
await closeOf("2024-Q2", "2024-07-03T10:00:00");

await edgelink("edgelink-rollback", "2024-07-10T10:00:00");
await drill({
  expected: "glancy-07-cost-guard", at: "2024-07-17T15:00:00",
  steps: ["费用推到 80%：告警", "费用推到 95%：确认再生成禁用", "恢复费用"], minutes: [8, 14, 6], measured: { p95: 0.255 },
});
await spotCheck({
  at: "2024-08-08T16:00:00", kind: "cache_file", item: "Redis AOF 校验", size: 1, took: 12,
  population: { items: ["redis_exports.rdb"] },
  checks: [{ name: "loads", value: 1 }, { name: "hit_rate", value: 0.85 }], note: "合格",
});
await edgelink("edgelink-database", "2024-08-14T10:00:00");
await drill({
  expected: "glancy-08-pitr-again", at: "2024-08-21T10:00:00", lead: dba,
  steps: ["停止主库写入", "恢复到时间点并回放 WAL", "切换连接串到 az-b", "抽查 SQL 结果"], minutes: [2, 12, 4, 6],
});
await edgelink("edgelink-dr-switch", "2024-09-11T10:00:00");
// September's failback is not held: it becomes a row by itself, and the PMO says why.
const bad = await spotCheck({
  at: "2024-09-27T10:00:00", kind: "cache_file", item: "Redis AOF 校验", size: 1, took: 18,
  population: { items: ["redis_exports.rdb"] },
  checks: [{ name: "loads", value: 1 }, { name: "hit_rate", value: 0.42 }], note: "命中率不足，补测",
});
await closeOf("2024-Q3", "2024-10-08T10:00:00");
const missed = await settled("September's drill is missed", async () => {
  const rows = await sre.get("/drills?state=missed&limit=50");
  return rows.items.find((it) => it.expected?.name === "glancy-09-region-back");
});
await pmo.post(`/drills/${missed.number}/explain`, { reason: "主 Region 机房割接顺延，与 10 月演练合并评审" });
console.log(`${missed.number} missed ${missed.scenario}`);
await spotCheck({
  number: bad.retest, at: "2024-10-09T10:00:00", kind: "cache_file", item: "Redis AOF 校验", size: 1, took: 15,
  population: { items: ["redis_exports.rdb"] },
  checks: [{ name: "loads", value: 1 }, { name: "hit_rate", value: 0.91 }], note: "补测合格",
});

// Over the closure limit: back in time, but the evidence was not.
await drill({
  expected: "glancy-10-object-store", at: "2024-10-16T15:00:00",
  steps: ["隔离 az-a 的对象存储", "CRR 回切并恢复产物"], minutes: [3, 9], evidence: 42,
  issues: [{
    text: "闭环 138 分钟，超过 120 分钟", about: "closure", cause: "控制台截图权限审批等待 90 分钟",
    remedy: "演练前一天开通只读控制台账号", class: "communication",
  }],
  actions: [{ text: "演练账号提前开通", critical: true }], note: "超时，已在回溯会议记录根因与行动项。",
});
await edgelink("edgelink-rollback", "2024-10-23T10:00:00");
await drill({
  expected: "glancy-11-before-promotion", at: "2024-11-06T10:00:00",
  steps: ["熔断演练", "PITR 演练", "发布回滚演练"], minutes: [18, 26, 9],
});
await edgelink("edgelink-database", "2024-11-20T10:00:00");
await edgelink("edgelink-dr-switch", "2024-12-04T10:00:00");
for (const at of ["2024-12-11T15:00:00", "2024-12-18T15:00:00"]) {
  await drill({
    expected: "glancy-12-review", at, steps: ["抽取一次随机演练复核", "复盘行动项收敛"], minutes: [25, 20],
  });
}
await closeOf("2024-Q4", "2025-01-06T10:00:00");
await heartbeats();
console.log("the year is over");

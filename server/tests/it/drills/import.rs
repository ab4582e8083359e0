//! An older ledger is taken over: whole, as it was previewed, or not at all.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::NaiveDate;
use domain::access::Role;
use serde_json::{Value, json};
use server::clock;
use sqlx::PgPool;

use super::story::ok;
use crate::world::{Answer, World};

const CONFIRM: &str = "/api/app/pages/drills/actions/import_drills";

/// A service, who imports, and whose names the ledger holds.
struct Scene {
    world: World,
    sre: String,
    pmo: String,
    viewer: String,
}

impl Scene {
    async fn new(owner: PgPool) -> Self {
        let world = World::new(owner).await;
        let mut db = world.db.acquire().await.unwrap();
        let service = json!({"name": "lookup", "team": "platform", "workloads": []});
        let service = serde_json::from_value(service).unwrap();
        store::services::save(&mut db, &service, clock::now()).await.unwrap();
        drop(db);
        let (_, sre) = world.sign_in("sam", Role::Sre).await;
        let (_, pmo) = world.sign_in("paula", Role::Pmo).await;
        let (_, viewer) = world.sign_in("vera", Role::Viewer).await;
        Self { world, sre, pmo, viewer }
    }

    async fn import(&self, query: &str, who: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = Request::post(format!("/api/v1/drills/import{query}"))
            .header(header::COOKIE, who)
            .header(header::CONTENT_TYPE, "text/csv");
        self.world.send(request.body(Body::from(body.into())).unwrap()).await
    }

    async fn count(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM drills").fetch_one(&self.world.db).await.unwrap()
    }

    /// As the form on the page sends it; where its sender is led.
    async fn upload(&self, who: &str, content: &[u8]) -> Answer {
        let mut body =
            b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"old.csv\"\r\n\r\n"
                .to_vec();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--x--\r\n");
        let request = Request::post("/drills/import")
            .header(header::COOKIE, who)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
        self.world.send(request.body(Body::from(body)).unwrap()).await
    }
}

/// Glancy's template, two rows.
const OLD: &str = "编号,场景/脚本,服务,负责人/参与人,起止时间（T0/T1),指标结果,证据链接,问题与行动项,闭环确认\r\n\
    DR-20240512-07,DR-SQL-01 PITR 恢复,lookup,\"旧同事、sam\",2024-05-12 10:00 至 11:20,\"RTO 12 min；RPO 3 min\",\
    https://s3/a.png,\"主备延迟偏高\n补监控（负责人：sam，截止：2024-06-01）\",paula 2024-05-12 https://tickets/7\r\n\
    DR-20240620-01,REL-ZD-01,,sam,2024-06-20 09:00 至 10:00,RTO 5 min,,,paula 2024-06-21\r\n";

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_older_ledger_is_previewed_and_then_imported_with_its_numbers(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let preview = ok(scene.import("?dry_run=true", &scene.pmo, OLD).await, 200);
    assert_eq!(preview["errors"], json!([]));
    assert_eq!(preview["rows"][0]["number"], "DR-20240512-07");
    assert!(preview["rows"][0]["notes"].to_string().contains("no account 旧同事"), "{preview}");
    assert_eq!(scene.count().await, 0, "a preview writes nothing");

    let other = format!("?sha256={}", "0".repeat(64));
    assert_eq!(
        scene.import(&other, &scene.pmo, OLD).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let same = format!("?sha256={}", preview["sha256"].as_str().unwrap());
    ok(scene.import(&same, &scene.pmo, OLD).await, 201);
    let drill = scene.world.call("GET", "/drills/DR-20240512-07", &scene.viewer, Value::Null).await;
    let drill = ok(drill, 200);
    assert_eq!(drill["lead"], "旧同事");
    assert_eq!(drill["measurements"][0]["source"], "imported");
    assert_eq!(drill["sign_off"]["by"], "paula");
    assert_eq!(drill["outcome"], "incomplete", "nothing says what it had to reach");
    assert_eq!(drill["action_items"][0]["owner"], "sam");
    assert!(drill["imported_at"].is_string());
    let page = scene.world.get("/drills/DR-20240512-07", &scene.viewer).await.body;
    for part in ["自旧台账导入", "导入（旧台账手工填写）", "https://s3/a.png", "未经核实"]
    {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let entries = scene.world.audit().await;
    assert_eq!(entries, [("user".to_owned(), "plan_drill".to_owned())], "one for the batch");

    // Drawn on the same day, the next number goes on after it.
    let mut tx = scene.world.db.begin().await.unwrap();
    let day = NaiveDate::from_ymd_opt(2024, 5, 12).unwrap();
    let next = store::numbers::next(&mut tx, store::numbers::Kind::Drill, day).await.unwrap();
    assert_eq!(next, "DR-20240512-08");

    let again = scene.import("?dry_run=true", &scene.pmo, OLD).await.json();
    assert_eq!(again["errors"][0]["message"], "This number is in the ledger already.");
    assert_eq!(again["errors"][0]["line"], 2);
    assert_eq!(scene.import("", &scene.pmo, OLD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(scene.count().await, 2);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_wrong_row_and_nothing_is_imported(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let head = "Number,State,Scenario,Service,Lead,T0,T1,Signed off by,Action items";
    let good = "DR-20240512-01,signed_off,PITR,lookup,sam,2024-05-12 10:00,2024-05-12 11:20,paula,";
    for (row, column, message) in [
        ("DR-1,,,,,,,,", "Number", "A number looks like DR-YYYYMMDD-XX."),
        (
            "DR-20240512-02,signed_off,x,shop,sam,2024-05-12 10:00,2024-05-12 11:20,paula,",
            "Service",
            "There is no service shop.",
        ),
        (
            "DR-20240512-02,signed_off,x,,sam,2024-05-12 10:00,2024-05-12 11:20,nobody,",
            "Signed off by",
            "There is no account nobody;",
        ),
        (
            "DR-20240512-02,signed_off,x,,sam,2024-05-12 10:00,2024-05-12 09:00,paula,",
            "T1",
            "This is before T0.",
        ),
        (
            "DR-20240512-02,signed_off,x,,sam,2024-05-12 10:00,2024-05-12 11:00,paula,do it | owner: nix | due: 2024-06-01",
            "Action items",
            "There is no account nix;",
        ),
        ("DR-20240512-02,signed_off", "", "There are 2 cells, and 9 in the head."),
    ] {
        let file = format!("{head}\n{good}\n{row}\n");
        let preview = ok(scene.import("?dry_run=true", &scene.sre, &*file).await, 200);
        let error = &preview["errors"][0];
        assert_eq!(error["line"], 3, "{preview}");
        assert_eq!(error["column"].as_str().unwrap_or_default(), column, "{preview}");
        assert!(error["message"].as_str().unwrap().starts_with(message), "{preview}");
        let answer = scene.import("", &scene.sre, &*file).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(scene.count().await, 0, "{row}");
    }
    let too_large = vec![b'a'; (5 << 20) + 1];
    for (content, message) in [
        (&b""[..], "The file has no rows."),
        (b"\x89PNG\0\0", "This is no text"),
        (&too_large, "The file is larger than 5 MiB"),
    ] {
        let preview = ok(scene.import("?dry_run=true", &scene.sre, content).await, 200);
        assert!(preview["errors"][0]["message"].as_str().unwrap().starts_with(message));
    }
    assert_eq!(
        scene.import("", &scene.sre, vec![b'a'; 7 << 20]).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(scene.import("", &scene.viewer, OLD).await.status, StatusCode::FORBIDDEN);
    assert!(scene.world.audit().await.is_empty());
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_person_uploads_looks_and_confirms_by_plain_forms(owner: PgPool) {
    let scene = Scene::new(owner).await;
    assert_eq!(scene.upload(&scene.viewer, b"x").await.status, StatusCode::FORBIDDEN);
    let to = |answer: &Answer| answer.headers[header::LOCATION].to_str().unwrap().to_owned();
    let wrong = scene.upload(&scene.pmo, OLD.replace("lookup", "shop").as_bytes()).await;
    let page = scene.world.get(&to(&wrong), &scene.pmo).await.body;
    assert!(page.contains("没有服务 shop") && page.contains("什么都没有写入"), "{page}");
    assert!(!page.contains(CONFIRM), "what is wrong cannot be confirmed");

    let file = to(&scene.upload(&scene.pmo, OLD.as_bytes()).await);
    let page = scene.world.get(&file, &scene.pmo).await.body;
    for part in ["old.csv：2 场演练", "DR-20240512-07", "旧同事 没有账号", CONFIRM, "导入 2 场演练"]
    {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let id = file.split("file=").nth(1).unwrap();
    let digest = page.split("name=\"digest\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    // Somebody else's upload is nobody's.
    let others = scene.world.get(&file, &scene.sre).await.body;
    assert!(others.contains("上传的文件已不在"), "{others}");
    let form = format!("id={id}&digest={}", "0".repeat(64));
    let back = scene.world.submit(CONFIRM, &scene.pmo, &file, &form).await;
    assert!(back.starts_with("/drills/import?file="), "{back}");
    assert_eq!(scene.count().await, 0, "another file is not what was previewed");
    let form = format!("id={id}&digest={digest}");
    let done = scene.world.submit(CONFIRM, &scene.pmo, &file, &form).await;
    assert!(done.starts_with("/drills?answer="), "{done}");
    assert!(scene.world.get(&done, &scene.pmo).await.body.contains("DR-20240512-07"));
    assert_eq!(scene.count().await, 2);
    // Sent again it is gone, and nothing is there twice.
    scene.world.submit(CONFIRM, &scene.pmo, &file, &form).await;
    assert_eq!(scene.count().await, 2);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_was_exported_is_imported_elsewhere_and_exported_the_same(owner: PgPool) {
    let scene = Scene::new(owner).await;
    ok(scene.import("", &scene.pmo, OLD).await, 201);
    let missed = "Number,State,Scenario,Reason\nDR-20240701-01,missed,\"=HYPERLINK(\"\"x\"\")\",nobody came\n";
    ok(scene.import("", &scene.pmo, missed).await, 201);
    for lang in ["zh-CN", "en"] {
        let path = format!("/api/v1/drills.csv?sort=number&lang={lang}");
        let (answer, first) = scene.world.download(&path, &scene.viewer).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(first.starts_with("\u{feff}".as_bytes()), "for spreadsheets");
        assert!(answer.body.contains("'=HYPERLINK"), "{}", answer.body);
        // As in another installation with the same people.
        let mut db = scene.world.owner.acquire().await.unwrap();
        for table in ["measurements", "drill_issues", "drill_actions", "drills"] {
            let sql = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
            sqlx::query(sql).execute(&mut *db).await.unwrap();
        }
        drop(db);
        let preview = scene.import("?dry_run=true", &scene.pmo, first.clone()).await.json();
        assert_eq!(preview["errors"], json!([]), "{preview}");
        ok(scene.import("", &scene.pmo, first.clone()).await, 201);
        let (_, second) = scene.world.download(&path, &scene.viewer).await;
        assert_eq!(String::from_utf8(second), String::from_utf8(first));
    }
    let (workbook, bytes) = scene.world.download("/api/v1/drills.xlsx", &scene.viewer).await;
    assert_eq!(workbook.status, StatusCode::OK);
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut sheet = String::new();
    let place = zip.index_for_name("xl/worksheets/sheet1.xml").unwrap();
    let mut part = flate2::read::DeflateDecoder::new(zip.by_index_raw(place).unwrap());
    std::io::Read::read_to_string(&mut part, &mut sheet).unwrap();
    assert!(sheet.contains("=HYPERLINK") && !sheet.contains("<f>"), "a text and no formula");
    assert!(sheet.contains("state=\"frozen\"") && sheet.contains("<autoFilter"), "{sheet}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn two_imports_at_once_are_one(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let (a, b) =
        tokio::join!(scene.import("", &scene.pmo, OLD), scene.import("", &scene.sre, OLD),);
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422], "{} {}", a.body, b.body);
    assert_eq!(scene.count().await, 2);
}

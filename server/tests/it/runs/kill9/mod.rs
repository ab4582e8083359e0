//! `kill -9` of the real program at every boundary of a rollback: before and after each of its requests to the
//! cluster, and after each of its commits. The next process finishes what the dead one left, and every effect has
//! come exactly once.
//!
//! Nothing in the program knows of this. Between it and the pretend cluster stands a proxy that sees each request
//! and its answer, and ends the process at the one that is meant.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::ids::RunId;
use domain::plans::Action;
use domain::runs::{Run, StateName};
use server::sim;
use sqlx::postgres::PgListener;
use sqlx::{ConnectOptions, PgPool};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Lab;

mod objects;

/// The rollback: its own pause, the undo that ends it, the wait, and two more effects after that.
fn plan(undo: Action) -> Vec<Action> {
    vec![
        Action::Pause,
        undo,
        Action::WaitRollout,
        Action::Scale { replicas: 3 },
        Action::Restart,
        Action::WaitRollout,
    ]
}

/// Requests that the rollback makes of the cluster, in order; the waiting ones may be more.
const REQUESTS: usize = 15;
/// Commits of the rollback that a listener can see: two for each effect, two for each wait.
const COMMITS: usize = 12;

/// The database of a test tells of each commit that has an entry in the log.
pub(crate) const TELL_COMMITS: &str = "
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NOTIFY commits; RETURN NULL; END';
    CREATE TRIGGER tell AFTER INSERT ON audit FOR EACH STATEMENT EXECUTE FUNCTION tell();";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The request has arrived and nothing has come of it.
    Before(usize),
    /// It took effect, and the answer never arrives.
    After(usize),
    /// The commit is there, and nothing after it.
    Commit(usize),
}

/// Each test takes every fourth point, so that four work at a time.
fn points(share: usize) -> Vec<Point> {
    let before = (0..REQUESTS).map(Point::Before);
    let after = (0..REQUESTS).map(Point::After);
    let commits = (1..COMMITS).map(Point::Commit);
    let all: Vec<_> = before.chain(after).chain(commits).collect();
    assert!(all.len() >= 30);
    all.into_iter().skip(share).step_by(4).collect()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_effect_whenever_it_is_killed_first_share(pool: PgPool) {
    killed_at(pool, points(0)).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_effect_whenever_it_is_killed_second_share(pool: PgPool) {
    killed_at(pool, points(1)).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_effect_whenever_it_is_killed_third_share(pool: PgPool) {
    killed_at(pool, points(2)).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_effect_whenever_it_is_killed_fourth_share(pool: PgPool) {
    killed_at(pool, points(3)).await;
}

async fn killed_at(pool: PgPool, points: Vec<Point>) {
    let options = sim::Options { namespaces: vec!["shop".to_owned()], ..Default::default() };
    let cluster = sim::Cluster::start(options).await.unwrap();
    let proxy = Proxy::start(cluster.url()).await;
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let config = cluster.kubeconfig().replace(&cluster.url(), &proxy.url);
    std::fs::write(&kubeconfig, config).unwrap();
    let url = pool.connect_options().to_url_lossy().to_string();
    sqlx::raw_sql(TELL_COMMITS).execute(&pool).await.unwrap();
    let lab = Lab::on(pool, kubeconfig, "shop").await;
    let program = Program { url, folder };

    for point in points {
        let name = format!("api-{point:?}").to_lowercase().replace(['(', ')'], "-");
        let name = name.trim_end_matches('-').to_owned();
        lab.deploy(&name, &["shop/api:1", "shop/api:2-bad"]).await;
        let undo = lab.undo(&name, 1).await;
        let run = lab.asked(&name, plan(undo)).await;
        cluster.forget_requests();
        let killed = program.killed_at(&lab, &proxy, &run, point, &name).await;
        assert!(killed, "{point:?} never came");

        let ended = program.ended(&lab, run.id).await;
        assert_eq!(ended.state.name(), StateName::Succeeded, "{point:?}: {ended:?}");
        assert_eq!(lab.image(&name).await, "shop/api:1", "{point:?}");
        assert_eq!(lab.object(&name).await["spec"]["replicas"], 3, "{point:?}");
        one_effect_each(&cluster, &name, point);
        complete(&lab, &ended, point).await;
    }
}

/// Of every effect there is one request that came to something.
fn one_effect_each(cluster: &sim::Cluster, name: &str, point: Point) {
    let requests = cluster.requests();
    let done = requests.iter().filter(|it| {
        it.verb == "patch" && it.name == name && !it.is_dry_run() && it.status() == Some(200)
    });
    let changed: Vec<_> = done
        .map(|it| {
            let patch = it.json();
            let paths = patch.as_array().unwrap().iter().filter(|it| it["op"] != "test");
            let paths: Vec<_> = paths.map(|it| it["path"].as_str().unwrap().to_owned()).collect();
            paths.first().unwrap().split('/').nth(2).unwrap().to_owned()
        })
        .collect();
    assert_eq!(changed, ["paused", "template", "replicas", "template"], "{point:?}");
}

/// The ledger shows every step with its intent and proof, and the audit log each step's end exactly once.
pub(crate) async fn complete(lab: &Lab, run: &Run, point: Point) {
    let acting = run.plan.steps().iter().zip(&run.steps).filter(|(step, _)| step.kind.acts());
    for (step, record) in acting {
        let (intent, proof) = (record.state.intent(), record.state.proof());
        let equal =
            intent.zip(proof).is_some_and(|(it, proof)| it.expected.looks_like(&proof.after));
        assert!(equal, "{point:?} {}: {record:?}", step.name);
    }
    let audit = lab.audit(run.id).await;
    let mut ends: Vec<_> = audit
        .iter()
        .flat_map(|it| it["steps"].as_array().unwrap().clone())
        .filter(|it| it["state"] == "succeeded")
        .map(|it| it["step"].as_str().unwrap().to_owned())
        .collect();
    let mut steps: Vec<_> = run.plan.steps().iter().map(|it| it.name.clone()).collect();
    ends.sort();
    steps.sort();
    assert_eq!(ends, steps, "{point:?}: {audit:?}");
    assert_eq!(audit.last().unwrap()["state"], "succeeded", "{point:?}");
}

/// The real program, on the database of this test.
pub(crate) struct Program {
    pub(crate) url: String,
    pub(crate) folder: TempDir,
}

impl Program {
    fn start(&self) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lifeboat"));
        command
            .arg("work")
            .env_remove("KUBECONFIG")
            .env("DATABASE_URL", &self.url)
            .env("LIFEBOAT_DATA_DIR", self.folder.path())
            .env("RUST_LOG", "warn,graphile_worker=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Running(command.spawn().unwrap())
    }

    /// Starts it, lets somebody approve, and kills it at this point. False where it ended without coming there.
    pub(crate) async fn killed_at(
        &self,
        lab: &Lab,
        proxy: &Proxy,
        run: &Run,
        point: Point,
        name: &str,
    ) -> bool {
        let mut commits = PgListener::connect_with(&lab.world.db).await.unwrap();
        commits.listen("commits").await.unwrap();
        let dead = CancellationToken::new();
        let process = Arc::new(Mutex::new(self.start()));
        let kill = {
            let (process, dead) = (process.clone(), dead.clone());
            move || {
                process.lock().unwrap().kill();
                dead.cancel();
            }
        };
        proxy.arm(name, point, kill.clone());
        lab.approve(run).await;
        let seen = async {
            loop {
                let there = matches!(point, Point::Commit(n) if lab.audit(run.id).await.len() >= n);
                if there {
                    return kill();
                }
                let run = store::runs::get(&lab.world.db, run.id).await.unwrap();
                if run.state.is_terminal() {
                    return;
                }
                commits.recv().await.unwrap();
            }
        };
        tokio::select! {
            () = dead.cancelled() => {}
            () = seen => {}
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
        proxy.disarm();
        dead.is_cancelled()
    }

    /// A new process carries on until the run has ended.
    pub(crate) async fn ended(&self, lab: &Lab, id: RunId) -> Run {
        let _process = self.start();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let run = store::runs::get(&lab.world.db, id).await.unwrap();
            if run.state.is_terminal() {
                return run;
            }
            assert!(Instant::now() < deadline, "it never ended: {run:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Killed when dropped.
struct Running(Child);

impl Running {
    /// SIGKILL; no handler runs and nothing is flushed.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Passes on to the pretend cluster, and counts what concerns one workload and its pods.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    to: String,
    http: reqwest::Client,
    armed: Arc<Mutex<Option<Armed>>>,
    _end: Arc<DropGuard>,
}

struct Armed {
    name: String,
    point: Point,
    seen: usize,
    kill: Box<dyn Fn() + Send>,
}

impl Proxy {
    pub(crate) async fn start(to: String) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let end = CancellationToken::new();
        let http = server::adapters::http::client().unwrap();
        let armed = Arc::default();
        let proxy = Self { url, to, http, armed, _end: Arc::new(end.clone().drop_guard()) };
        let router = Router::new().fallback(pass).with_state(ProxyState {
            to: proxy.to.clone(),
            http: proxy.http.clone(),
            armed: proxy.armed.clone(),
        });
        let serving = axum::serve(listener, router).with_graceful_shutdown(end.cancelled_owned());
        tokio::spawn(async { serving.await.unwrap() });
        proxy
    }

    fn arm(&self, name: &str, point: Point, kill: impl Fn() + Send + 'static) {
        let armed = Armed { name: name.to_owned(), point, seen: 0, kill: Box::new(kill) };
        *self.armed.lock().unwrap() = Some(armed);
    }

    fn disarm(&self) {
        *self.armed.lock().unwrap() = None;
    }
}

#[derive(Clone)]
struct ProxyState {
    to: String,
    http: reqwest::Client,
    armed: Arc<Mutex<Option<Armed>>>,
}

impl ProxyState {
    /// Which request of the rollback this is; the watch of the product itself asks for whole collections.
    fn number(&self, request: &Request) -> Option<usize> {
        let mut armed = self.armed.lock().unwrap();
        let armed = armed.as_mut()?;
        let address = request.uri().to_string();
        let kinds = ["deployments", "statefulsets", "daemonsets", "rollouts"];
        let mine = kinds.iter().any(|it| address.contains(&format!("/{it}/{}", armed.name)))
            || address.contains(&format!("/pods/{}-", armed.name))
            || address.contains(&format!("labelSelector=app%3D{}", armed.name))
            || address.contains(&format!("fieldSelector=metadata.name%3D{}", armed.name))
            || objects::is_ours(&address, &armed.name);
        mine.then(|| {
            armed.seen += 1;
            armed.seen - 1
        })
    }

    fn kill_if(&self, point: Point) -> bool {
        let armed = self.armed.lock().unwrap();
        match &*armed {
            Some(armed) if armed.point == point => {
                (armed.kill)();
                true
            }
            _ => false,
        }
    }
}

async fn pass(State(state): State<ProxyState>, request: Request) -> Response {
    let number = state.number(&request);
    if number.is_some_and(|it| state.kill_if(Point::Before(it))) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let watch = request.uri().query().is_some_and(|it| it.contains("watch=true"));
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let method = Method::from_bytes(parts.method.as_str().as_bytes()).unwrap();
    let mut headers = parts.headers;
    headers.remove("host");
    headers.remove("accept-encoding");
    let sent = state.http.request(method, format!("{}{}", state.to, parts.uri)).headers(headers);
    // A watch lasts as long as its reader; the client of the proxy is about answers.
    let sent = sent.timeout(Duration::from_secs(600)).body(body).send().await;
    let Ok(answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        response = response.header(name, value);
    }
    let body = match watch {
        true => Body::from_stream(answer.bytes_stream()),
        false => Body::from(answer.bytes().await.unwrap()),
    };
    if number.is_some_and(|it| state.kill_if(Point::After(it))) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    response.body(body).unwrap()
}

//! `kill -9` of the real program at every boundary of a rollback of a set: before and after each of its requests, and
//! after each of its commits. Each pod that is in the way is deleted exactly once, whoever dies meanwhile.

use domain::plans::Action;
use domain::runs::{Ended, Run, StateName};
use domain::services::WorkloadKind;
use serde_json::json;
use server::sim;
use sqlx::{ConnectOptions, PgPool};
use tempfile::TempDir;

use super::{Set, deleted, on_delete};
use crate::runs::Lab;
use crate::runs::kill9::{Point, Program, Proxy, TELL_COMMITS};

/// More requests and commits than a rollback has; what never comes kills nobody and does not count.
const REQUESTS: usize = 22;
const COMMITS: usize = 14;

fn points(share: usize) -> impl Iterator<Item = Point> {
    let before = (0..REQUESTS).map(Point::Before);
    let after = (0..REQUESTS).map(Point::After);
    let commits = (1..COMMITS).map(Point::Commit);
    before.chain(after).chain(commits).skip(share).step_by(2)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_stateful_set_whenever_it_is_killed_first_half(pool: PgPool) {
    killed_at(pool, WorkloadKind::StatefulSet, 0).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_stateful_set_whenever_it_is_killed_second_half(pool: PgPool) {
    killed_at(pool, WorkloadKind::StatefulSet, 1).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_daemon_set_whenever_it_is_killed_first_half(pool: PgPool) {
    killed_at(pool, WorkloadKind::DaemonSet, 0).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_daemon_set_whenever_it_is_killed_second_half(pool: PgPool) {
    killed_at(pool, WorkloadKind::DaemonSet, 1).await;
}

async fn killed_at(pool: PgPool, kind: WorkloadKind, share: usize) {
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

    let mut killed = 0;
    for point in points(share) {
        let name = format!("db-{point:?}").to_lowercase().replace(['(', ')'], "-");
        let set = Set::new(&lab, kind, name.trim_end_matches('-'));
        let (plan, pods) = broken(&set).await;
        let run = set.asked(plan).await;
        cluster.forget_requests();
        if program.killed_at(&lab, &proxy, &run, point, &set.name).await {
            killed += 1;
        }
        let ended = program.ended(&lab, run.id).await;
        assert_eq!(ended.state.name(), StateName::Succeeded, "{point:?}: {ended:?}");
        assert_eq!(set.image().await, "shop/db:1", "{point:?}");
        one_effect_each(&cluster, &set, pods, point);
        complete(&lab, &ended, pods, point).await;
        let api = set.api(kind.as_str()).await;
        api.delete(&set.name, &Default::default()).await.unwrap();
    }
    println!("{}: killed at {killed} points of this half", kind.as_str());
    assert!(killed >= 18, "only {killed} points came");
}

/// A release that does not work, and the way back: how many pods are in it.
async fn broken(set: &Set<'_>) -> (Vec<Action>, usize) {
    match set.kind {
        WorkloadKind::DaemonSet => {
            set.create("shop/db:1", on_delete()).await;
            set.set_image("shop/db:2-bad").await;
            let pods = set.api("Pod").await.list(&Default::default()).await.unwrap();
            let own = |it: &&str| it.starts_with(&format!("{}-", set.name));
            let names = pods.items.iter().filter_map(|it| it.metadata.name.as_deref());
            let names: Vec<_> = names.filter(own).collect();
            for name in &names {
                set.delete_pod(name).await;
            }
            let bad = vec!["shop/db:2-bad not ready"; names.len()];
            set.until_pods(&bad).await;
            (vec![set.undo(1).await, Action::ReplacePods, Action::WaitRollout], names.len())
        }
        _ => {
            set.create("shop/db:1", json!({})).await;
            set.set_image("shop/db:2-bad").await;
            set.until_some_pod("shop/db:2-bad not ready").await;
            let scale = Action::Scale { replicas: 4 };
            (vec![set.undo(1).await, Action::ReplacePods, Action::WaitRollout, scale], 1)
        }
    }
}

/// Of every change and of every deletion there is one request that came to something.
fn one_effect_each(cluster: &sim::Cluster, set: &Set<'_>, pods: usize, point: Point) {
    let requests = cluster.requests();
    let done = |verb: &str| {
        let verb = verb.to_owned();
        let done = requests.iter().filter(move |it| it.verb == verb && !it.is_dry_run());
        done.filter(move |it| it.status() == Some(200) && it.name.starts_with(&set.name))
    };
    let changed: Vec<_> = done("patch").map(|it| changed(&it.json())).collect();
    let expected: &[&str] = match set.kind {
        WorkloadKind::DaemonSet => &["template"],
        _ => &["template", "replicas"],
    };
    assert_eq!(changed, expected, "{point:?}");
    assert_eq!(done("delete").count(), pods, "{point:?}");
}

fn changed(patch: &serde_json::Value) -> String {
    let mut changes = patch.as_array().unwrap().iter().filter(|it| it["op"] != "test");
    let path = changes.next().unwrap()["path"].as_str().unwrap();
    path.split('/').nth(2).unwrap().to_owned()
}

/// The ledger names each pod once, and the audit log the end of each step once.
async fn complete(lab: &Lab, run: &Run, pods: usize, point: Point) {
    assert!(run.steps.iter().all(|it| it.ended(Ended::Succeeded)), "{point:?}: {run:?}");
    assert!(run.steps[0].state.proof().is_some() && run.steps[1].state.proof().is_some());
    let mut names = deleted(run.steps[1].note.as_ref());
    names.dedup();
    assert_eq!(names.len(), pods, "{point:?}: {run:?}");
    let audit = lab.audit(run.id).await;
    let ends = audit.iter().flat_map(|it| it["steps"].as_array().unwrap().clone());
    let ends = ends.filter(|it| it["state"] == "succeeded").count();
    assert_eq!(ends, run.steps.len(), "{point:?}: {audit:?}");
}

//! `lifeboat run`, `web` and `work`: everything in one process, or pages and workers apart.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use app::vault::Vault;
use secrecy::ExposeSecret;
use serde_json::json;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Database;
use crate::adapters;
use crate::adapters::helm::Helm;
use crate::adapters::kubernetes::Clusters;
use crate::adapters::objects::Objects;
use crate::audit::Key;
use crate::config::{self, Settings};
use crate::demo::world::Outside;
use crate::demo::{self, people};
use crate::http::{self, live};
use crate::workers::{
    self, World, blindness, calendar, detector, drills, measurer, sealer, verifier,
};

/// How long the parts may take to come to their end.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many connections; Postgres itself allows 100 unless told otherwise.
const CONNECTIONS: u32 = 20;

/// What this process does of all there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    All,
    Web,
    Work,
}

/// For ever, until a signal or the first part that fails.
pub async fn run(settings: Settings, share: Share) -> anyhow::Result<()> {
    // Only `run` migrates by itself; where the shares are apart, `lifeboat migrate` comes before them.
    let database = match share {
        Share::All => Database::migrated(&settings).await?,
        Share::Web | Share::Work => Database::open(&settings).await?,
    };
    anyhow::ensure!(
        store::is_migrated(&database.owner).await?,
        "the database is not in the shape of this build; run `lifeboat migrate` first"
    );
    tell(&settings);
    if let Some(at) = settings.demo_at {
        crate::clock::play_at(at);
    }
    config::remember_kubeconfig(&settings);
    let db = store::pool(database.options.clone(), CONNECTIONS);
    let res = parts(&settings, share, &db).await;
    db.close().await;
    database.close().await;
    res
}

/// `lifeboat migrate`: brings the database to the shape of this build.
pub async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let database = Database::migrated(settings).await?;
    database.close().await;
    Ok(())
}

/// What a newcomer should know.
fn tell(settings: &Settings) {
    if settings.database.is_none() {
        let dir = settings.data_dir.join("postgres");
        tracing::info!("no DATABASE_URL: using an embedded Postgres in {}", dir.display());
    }
    if settings.kubeconfig.is_none() && !settings.demo {
        tracing::info!(
            "no KUBECONFIG: only clusters whose catalog entry brings its own are watched"
        );
    }
}

async fn parts(settings: &Settings, share: Share, db: &PgPool) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let key = match &settings.audit_key_file {
        Some(file) => Key::load(file)?,
        None => Key::load_or_create(&settings.data_dir)?,
    };
    let demo = match settings.demo {
        true => Some(pretend(settings, db).await?),
        false => None,
    };
    let world = world(settings, db, demo.as_ref(), &stop)?;
    let objects = Objects::open(&settings.evidence)?;
    let outside = demo.as_ref().map(demo::world::World::outside);
    let mut all = pin!(async {
        match share {
            Share::All => {
                let pages = web(settings, db, outside, key.clone(), objects.clone(), &stop);
                tokio::try_join!(pages, work(world, key, objects))?;
            }
            Share::Web => web(settings, db, outside, key, objects, &stop).await?,
            Share::Work => work(world, key, objects).await?,
        }
        anyhow::Ok(())
    });
    tokio::select! {
        res = &mut all => return res,
        res = signal() => res?,
    }
    tracing::info!("stopping");
    stop.cancel();
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(res) => res,
        Err(_) => {
            tracing::warn!("something did not stop within {} s", PATIENCE.as_secs());
            Ok(())
        }
    }
}

/// The sample people and the world that they look after.
async fn pretend(settings: &Settings, db: &PgPool) -> anyhow::Result<demo::world::World> {
    let world = demo::world::start(db, &settings.data_dir).await.context("the demo")?;
    let sign_ins =
        people::fill(db, &settings.data_dir).await.context("the sample people of the demo")?;
    eprintln!("\nSign in as\n\n{}", people::table(&sign_ins));
    Ok(world)
}

fn world(
    settings: &Settings,
    db: &PgPool,
    demo: Option<&demo::world::World>,
    stop: &CancellationToken,
) -> anyhow::Result<World> {
    let kubeconfig = demo.map(|it| it.kubeconfig().to_owned());
    let clusters = Clusters::new(db.clone(), config::variable, kubeconfig);
    let http = adapters::http::client().context("the HTTP client")?;
    let world = World::new(db.clone(), clusters, http, settings.time_zone, stop.clone());
    let secret = settings.secret_key()?;
    Ok(world.with_helm(Helm::new(&settings.helm, &settings.data_dir, secret.expose_secret())))
}

async fn web(
    settings: &Settings,
    db: &PgPool,
    outside: Option<Outside>,
    key: Key,
    objects: Objects,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let live = live::Live::new(store::audit::latest(db).await?);
    let metrics = http::health::recorder()?;
    let web = http::Web {
        db: db.clone(),
        live: live.clone(),
        matching: http::Matching::default(),
        stop: stop.clone(),
        metrics: Some(metrics.clone()),
        https: settings.is_https(),
        zone: settings.time_zone,
        outside,
        objects,
        vault: Vault::new(settings.secret_key()?.expose_secret()),
        key,
    };
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on LIFEBOAT_LISTEN, {}", settings.listen))?;
    let address = listener.local_addr()?;
    let router = http::router(web, &settings.site);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let pages =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let metrics = http::health::serve_metrics(settings.metrics_listen, metrics, stop.clone());
    println!("{}", json!({"event": "ready", "url": format!("http://{address}")}));
    tracing::info!("the pages are at http://{address}");

    tokio::try_join!(async { pages.await.context("the web server") }, metrics, async {
        stop.run_until_cancelled(live.run(db)).await;
        Ok(())
    },)?;
    Ok(())
}

async fn work(world: World, key: Key, objects: Objects) -> anyhow::Result<()> {
    let (db, stop) = (world.db.clone(), world.stop.clone());
    tokio::join!(
        workers::run(world.clone()),
        workers::watch::run(world.clone()),
        detector::run(world.clone()),
        verifier::run(world.clone()),
        blindness::run(world.clone()),
        drills::run(world.clone()),
        workers::backups::run(world.clone()),
        stop.run_until_cancelled(workers::objects::run(world.clone())),
        workers::evidence::run(world.clone(), objects.clone()),
        workers::reports::run(world.clone(), objects),
        calendar::run(world.clone()),
        measurer::run(world.clone()),
        workers::spot_checks::run(world.clone()),
        stop.run_until_cancelled(sealer::run(db.clone(), key)),
        stop.run_until_cancelled(workers::janitor::run(db.clone())),
    );
    Ok(())
}

async fn signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        res = tokio::signal::ctrl_c() => res?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

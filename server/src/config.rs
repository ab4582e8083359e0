//! The settings: flags and environment variables, checked before anything starts.
//!
//! **Invariant:** the environment is read here and nowhere else. A setting that is wrong or missing ends the
//! start with one sentence that names it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// As they stand on the command line and in the environment. Every flag works behind every command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Settings")]
pub struct Raw {
    /// postgres://user@host/database; without it an embedded Postgres in the data folder is used
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
    /// The same, read from a file
    #[arg(long, env = "DATABASE_URL_FILE", global = true, value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// For clusters whose catalog entry says `env:KUBECONFIG`
    #[arg(long, env = "KUBECONFIG", global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Where pages and API listen [default: 127.0.0.1:8080]
    #[arg(long, env = "LIFEBOAT_LISTEN", global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// How people reach it, for links in notices [default: http://LISTEN]
    #[arg(long, env = "LIFEBOAT_PUBLIC_URL", global = true, value_name = "URL")]
    public_url: Option<String>,
    /// Keys, evidence and the embedded Postgres [default: /var/tmp/lifeboat]
    #[arg(long, env = "LIFEBOAT_DATA_DIR", global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// A pretend cluster and sample people, on this machine alone
    #[arg(long, env = "LIFEBOAT_DEMO", global = true, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    demo: Option<String>,
    /// The moment at which the demo begins to play, in RFC 3339 [default: now]
    #[arg(long, env = "LIFEBOAT_DEMO_AT", global = true, value_name = "TIME")]
    demo_at: Option<String>,
    /// 32 bytes or more that keyed hashes are made with [default: secret-key in the data folder]
    #[arg(long, env = "LIFEBOAT_SECRET_KEY_FILE", global = true, value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
    /// Ed25519 in PKCS #8 PEM, signs the audit chain [default: audit-key.pem in the data folder]
    #[arg(long, env = "LIFEBOAT_AUDIT_KEY_FILE", global = true, value_name = "FILE")]
    audit_key_file: Option<PathBuf>,
    /// file:///folder or s3://bucket/prefix [default: evidence in the data folder]
    #[arg(long, env = "LIFEBOAT_EVIDENCE_URL", global = true, value_name = "URL")]
    evidence_url: Option<String>,
    /// Dates the numbers of rollbacks and drills [default: Asia/Shanghai]
    #[arg(long, env = "LIFEBOAT_TIME_ZONE", global = true, value_name = "ZONE")]
    time_zone: Option<String>,
    /// The helm program [default: helm]
    #[arg(long, env = "LIFEBOAT_HELM", global = true, value_name = "PROGRAM")]
    helm: Option<PathBuf>,
    /// The built client, as `cargo xtask wasm` leaves it [default: target/site]
    #[arg(long, env = "LIFEBOAT_SITE", global = true, value_name = "FOLDER")]
    site: Option<PathBuf>,
    /// /metrics without a token, on an address of its own
    #[arg(long, env = "LIFEBOAT_METRICS_LISTEN", global = true, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
}

/// Checked.
#[derive(Clone, Debug)]
pub struct Settings {
    pub database: Option<SecretString>,
    pub kubeconfig: Option<PathBuf>,
    pub listen: SocketAddr,
    pub public_url: String,
    pub data_dir: PathBuf,
    pub demo: bool,
    /// Where the clock of the demo stands at its start.
    pub demo_at: Option<DateTime<Utc>>,
    pub secret_key_file: Option<PathBuf>,
    pub audit_key_file: Option<PathBuf>,
    pub evidence: Evidence,
    pub time_zone: Tz,
    pub helm: PathBuf,
    pub site: PathBuf,
    pub metrics_listen: Option<SocketAddr>,
}

/// Where evidence is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    Folder(PathBuf),
    S3 { bucket: String, prefix: String },
}

/// One sentence that names the setting.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(String);

impl Raw {
    /// # Errors
    /// The first setting that is wrong.
    pub fn check(self) -> Result<Settings, Wrong> {
        let demo = switch("LIFEBOAT_DEMO (--demo)", self.demo.as_deref())?;
        let listen = self.listen.as_deref().filter(|it| !it.is_empty());
        let listen = address("LIFEBOAT_LISTEN (--listen)", listen.unwrap_or("127.0.0.1:8080"))?;
        if demo && !listen.ip().is_loopback() {
            return Err(Wrong(format!(
                "--demo refuses to listen on {listen}, because its people and its cluster are pretended; \
                 set LIFEBOAT_LISTEN (--listen) to an address of this machine alone, as 127.0.0.1:8080"
            )));
        }
        let data_dir = self.data_dir.unwrap_or_else(|| "/var/tmp/lifeboat".into());
        let metrics = self.metrics_listen.as_deref().filter(|it| !it.is_empty());
        let metrics = metrics.map(|it| address("LIFEBOAT_METRICS_LISTEN (--metrics-listen)", it));
        Ok(Settings {
            database: database(self.database_url, self.database_url_file.as_deref())?,
            kubeconfig: existing("KUBECONFIG (--kubeconfig)", self.kubeconfig)?,
            public_url: public_url(self.public_url, listen)?,
            evidence: evidence(self.evidence_url, &data_dir)?,
            time_zone: time_zone(self.time_zone)?,
            secret_key_file: existing(
                "LIFEBOAT_SECRET_KEY_FILE (--secret-key-file)",
                self.secret_key_file,
            )?,
            audit_key_file: existing(
                "LIFEBOAT_AUDIT_KEY_FILE (--audit-key-file)",
                self.audit_key_file,
            )?,
            helm: self.helm.unwrap_or_else(|| "helm".into()),
            site: self.site.unwrap_or_else(|| "target/site".into()),
            metrics_listen: metrics.transpose()?,
            demo_at: demo_at(self.demo_at, demo)?,
            listen,
            data_dir,
            demo,
        })
    }
}

impl Settings {
    /// What keyed hashes are made with. The first start makes it where no setting names one.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn secret_key(&self) -> anyhow::Result<SecretSlice<u8>> {
        let file = match &self.secret_key_file {
            Some(file) => file.clone(),
            None => {
                let file = self.data_dir.join("secret-key");
                if !file.exists() {
                    crate::files::create_private(&file, &rand::random::<[u8; 32]>())?;
                }
                file
            }
        };
        let key = std::fs::read(&file)
            .map_err(|it| anyhow::anyhow!("cannot read the secret key {}: {it}", file.display()))?;
        anyhow::ensure!(
            key.len() >= 32,
            "the secret key {} is shorter than 32 bytes",
            file.display()
        );
        Ok(key.into())
    }

    /// Whether people come by HTTPS, through whatever stands in front of us.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    pub fn database_url(&self) -> Option<&str> {
        self.database.as_ref().map(|it| it.expose_secret())
    }
}

/// What `--kubeconfig` named, for the catalog's `env:KUBECONFIG`.
static KUBECONFIG: OnceLock<String> = OnceLock::new();

/// From now on `env:KUBECONFIG` means this one, whether it came as a flag or as a variable.
pub fn remember_kubeconfig(settings: &Settings) {
    if let Some(file) = &settings.kubeconfig {
        let _ = KUBECONFIG.set(file.display().to_string());
    }
}

/// A variable that a catalog names, as in `kubeconfig: "env:KUBECONFIG"`.
pub fn variable(name: &str) -> Option<String> {
    if name == "KUBECONFIG"
        && let Some(file) = KUBECONFIG.get()
    {
        return Some(file.clone());
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    std::env::var(name).ok()
}

fn database(url: Option<String>, file: Option<&Path>) -> Result<Option<SecretString>, Wrong> {
    let url = match (url.filter(|it| !it.is_empty()), file) {
        (Some(_), Some(_)) => {
            return Err(Wrong(
                "DATABASE_URL and DATABASE_URL_FILE are both set; set one of them".into(),
            ));
        }
        (Some(url), None) => url,
        (None, Some(file)) => read("DATABASE_URL_FILE", file)?,
        (None, None) => return Ok(None),
    };
    // The driver takes any scheme.
    let postgres = ["postgres://", "postgresql://"].iter().any(|it| url.starts_with(it));
    if !postgres || url.parse::<sqlx::postgres::PgConnectOptions>().is_err() {
        // The address is not repeated, because it may hold a password.
        return Err(Wrong(
            "DATABASE_URL (--database-url) is not an address like postgres://user@host/database"
                .into(),
        ));
    }
    Ok(Some(url.into()))
}

fn read(name: &str, file: &Path) -> Result<String, Wrong> {
    let text = std::fs::read_to_string(file)
        .map_err(|it| Wrong(format!("{name} is {}, which cannot be read: {it}", file.display())))?;
    Ok(text.trim().to_owned())
}

fn existing(name: &str, file: Option<PathBuf>) -> Result<Option<PathBuf>, Wrong> {
    let Some(file) = file.filter(|it| !it.as_os_str().is_empty()) else { return Ok(None) };
    match std::fs::metadata(&file) {
        Ok(_) => Ok(Some(file)),
        Err(error) => {
            Err(Wrong(format!("{name} is {}, which cannot be read: {error}", file.display())))
        }
    }
}

fn switch(name: &str, text: Option<&str>) -> Result<bool, Wrong> {
    match text.unwrap_or_default().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "" | "false" | "0" | "no" => Ok(false),
        _ => Err(Wrong(format!(
            "{name} is `{}`, which is neither true nor false",
            text.unwrap_or_default()
        ))),
    }
}

fn demo_at(text: Option<String>, demo: bool) -> Result<Option<DateTime<Utc>>, Wrong> {
    let Some(text) = text.filter(|it| !it.is_empty()) else { return Ok(None) };
    if !demo {
        return Err(Wrong(
            "LIFEBOAT_DEMO_AT (--demo-at) is set without --demo; only the demo plays at another time".into(),
        ));
    }
    match DateTime::parse_from_rfc3339(&text) {
        Ok(at) => Ok(Some(at.to_utc())),
        Err(_) => Err(Wrong(format!(
            "LIFEBOAT_DEMO_AT (--demo-at) is `{text}`, which is not a time like 2024-01-01T00:00:00+08:00"
        ))),
    }
}

fn address(name: &str, text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| {
        Wrong(format!("{name} is `{text}`, which is not an address and a port like 127.0.0.1:8080"))
    })
}

fn public_url(text: Option<String>, listen: SocketAddr) -> Result<String, Wrong> {
    let Some(text) = text.filter(|it| !it.is_empty()) else {
        return Ok(format!("http://{listen}"));
    };
    let wrong = || {
        Wrong(format!(
            "LIFEBOAT_PUBLIC_URL (--public-url) is `{text}`, which is not an address like https://lifeboat.example"
        ))
    };
    let url: axum::http::Uri = text.parse().map_err(|_| wrong())?;
    match (url.scheme_str(), url.host(), url.path_and_query().map(|it| it.as_str())) {
        (Some("http" | "https"), Some(_), None | Some("/")) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(wrong()),
    }
}

fn evidence(text: Option<String>, data_dir: &Path) -> Result<Evidence, Wrong> {
    let Some(text) = text.filter(|it| !it.is_empty()) else {
        return Ok(Evidence::Folder(data_dir.join("evidence")));
    };
    if let Some(folder) = text.strip_prefix("file://").filter(|it| it.starts_with('/')) {
        return Ok(Evidence::Folder(folder.into()));
    }
    let place = text.strip_prefix("s3://").map(|it| it.split_once('/').unwrap_or((it, "")));
    match place {
        Some((bucket, prefix)) if !bucket.is_empty() => Ok(Evidence::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        }),
        _ => Err(Wrong(format!(
            "LIFEBOAT_EVIDENCE_URL (--evidence-url) is `{text}`, which is neither file:///folder nor s3://bucket/prefix"
        ))),
    }
}

fn time_zone(text: Option<String>) -> Result<Tz, Wrong> {
    let text = text.filter(|it| !it.is_empty()).unwrap_or_else(|| "Asia/Shanghai".to_owned());
    text.parse().map_err(|_| {
        Wrong(format!(
            "LIFEBOAT_TIME_ZONE (--time-zone) is `{text}`, which is not a zone like Asia/Shanghai"
        ))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        raw: Raw,
    }

    /// Flags alone; tests share their environment.
    fn check(flags: &[&str]) -> Result<Settings, String> {
        let cli =
            Cli::try_parse_from([&["lifeboat"], flags].concat()).map_err(|it| it.to_string())?;
        cli.raw.check().map_err(|it| it.to_string())
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (flags, name) in [
            (["--listen", "here"], "LIFEBOAT_LISTEN"),
            (["--public-url", "lifeboat"], "LIFEBOAT_PUBLIC_URL"),
            (["--public-url", "ftp://lifeboat"], "LIFEBOAT_PUBLIC_URL"),
            (["--public-url", "https://lifeboat/below"], "LIFEBOAT_PUBLIC_URL"),
            (["--evidence-url", "/folder"], "LIFEBOAT_EVIDENCE_URL"),
            (["--evidence-url", "s3://"], "LIFEBOAT_EVIDENCE_URL"),
            (["--time-zone", "Mars"], "LIFEBOAT_TIME_ZONE"),
            (["--audit-key-file", "/nowhere"], "LIFEBOAT_AUDIT_KEY_FILE"),
            (["--secret-key-file", "/nowhere"], "LIFEBOAT_SECRET_KEY_FILE"),
            (["--kubeconfig", "/nowhere"], "KUBECONFIG"),
            (["--database-url", "nonsense"], "DATABASE_URL"),
            (["--demo", "perhaps"], "LIFEBOAT_DEMO"),
            (["--demo", "--demo-at=soon"], "LIFEBOAT_DEMO_AT"),
            (["--demo-at", "2024-01-01T00:00:00Z"], "LIFEBOAT_DEMO_AT"),
            (["--metrics-listen", "9090"], "LIFEBOAT_METRICS_LISTEN"),
        ] {
            let said = check(&flags).unwrap_err();
            assert!(said.contains(name) && !said.contains('\n'), "{flags:?}: {said}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_not_repeated() {
        for url in ["http://u:secret@h", "postgres://u:secret@h:port"] {
            let said = check(&["--database-url", url]).unwrap_err();
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn the_demo_stays_on_this_machine() {
        assert!(check(&["--demo", "--listen", "[::1]:0"]).unwrap().demo);
        let said = check(&["--listen", "0.0.0.0:8080", "--demo"]).unwrap_err();
        assert!(said.contains("--demo refuses"), "{said}");
        assert!(!check(&["--listen", "0.0.0.0:8080"]).unwrap().demo);
    }

    #[test]
    fn evidence_lies_in_a_folder_or_a_bucket() {
        for (text, expected) in [
            ("file:///var/e", Evidence::Folder("/var/e".into())),
            ("s3://b", Evidence::S3 { bucket: "b".into(), prefix: String::new() }),
            ("s3://b/p/q/", Evidence::S3 { bucket: "b".into(), prefix: "p/q".into() }),
        ] {
            assert_eq!(check(&["--evidence-url", text]).unwrap().evidence, expected);
        }
    }
}

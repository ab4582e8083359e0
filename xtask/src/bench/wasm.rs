//! What a browser loads and how it feels: the compressed client, and Lighthouse on `/drills` of the demo.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::server::{Folder, Server};
use super::{Figure, Limit};
use crate::process::{build_server, output};
use crate::{site, target, tools};

/// One of the demo's people, as its passwords name them.
const SRE: &str = "SRE on call";

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    tools::for_browser()?;
    site::build(true)?;
    build_server("release")?;
    let folder = Folder::new("wasm")?;
    let data = folder.as_ref().join("data");
    let server = Server::start(&data, ["--demo"])?;
    let scores = lighthouse(&server, &data)?;
    server.stop()?;
    let score = |name: &str| scores[name].as_f64().with_context(|| format!("no score {name}"));
    Ok(vec![
        Figure { name: "brotli_kb", value: brotli_kb()?, limit: Limit::AtMost(100.0) },
        Figure {
            name: "lighthouse_performance",
            value: score("performance")?,
            limit: Limit::AtLeast(95.0),
        },
        Figure {
            name: "lighthouse_accessibility",
            value: score("accessibility")?,
            limit: Limit::AtLeast(100.0),
        },
    ])
}

/// The wasm and its JavaScript as they go over the wire, in units of 1000 bytes.
fn brotli_kb() -> anyhow::Result<f64> {
    let mut bytes = 0;
    for file in target().join("site/pkg").read_dir()?.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".wasm.br") || name.ends_with(".js.br") {
            bytes += file.metadata()?.len();
        }
    }
    Ok(f64::from(u32::try_from(bytes)?) / 1000.0)
}

/// Signs in as the demo's SRE, and has Lighthouse look at the page.
fn lighthouse(server: &Server, data: &Path) -> anyhow::Result<Value> {
    let passwords = fs::read_to_string(data.join("demo-passwords.json"))?;
    let passwords: Value = serde_json::from_str(&passwords)?;
    let password = passwords[SRE].as_str().with_context(|| format!("no password of {SRE}"))?;
    let mut node = Command::new("node");
    node.arg("e2e/lighthouse.js").arg(format!("http://{}", server.address));
    node.args(["/drills", SRE, password]);
    let scores = output(&mut node)?;
    serde_json::from_str(&scores).with_context(|| format!("Lighthouse said {scores}"))
}

//! Who may talk to the API server, and the files they do it with.

use std::fs;
use std::path::Path;

/// A line of the token file and a kubeconfig. The tokens are no secret: the server listens on loopback,
/// and lives as long as a test.
struct Person {
    /// The kubeconfig is `NAME.kubeconfig`.
    name: &'static str,
    token: &'static str,
    /// As RBAC sees them.
    user: &'static str,
    groups: &'static str,
}

const PEOPLE: [Person; 2] = [
    Person {
        name: "admin",
        token: "admin-of-the-test-cluster",
        user: "admin",
        groups: "system:masters",
    },
    // The service account that `deploy/rbac.yaml` makes, so that exactly those rules hold.
    Person {
        name: "lifeboat",
        token: "lifeboat-in-the-test-cluster",
        user: "system:serviceaccount:lifeboat:lifeboat",
        groups: "system:serviceaccounts,system:serviceaccounts:lifeboat",
    },
];

pub(crate) fn write(dir: &Path, server: &str) -> anyhow::Result<()> {
    let mut tokens = String::new();
    for Person { name, token, user, groups } in PEOPLE {
        tokens += &format!("{token},{user},{name},\"{groups}\"\n");
        fs::write(dir.join(format!("{name}.kubeconfig")), kubeconfig(dir, server, name, token))?;
    }
    fs::write(dir.join("tokens.csv"), tokens)?;
    Ok(())
}

/// The API server signs its own certificate when it starts, so the file is named and not copied.
fn kubeconfig(dir: &Path, server: &str, name: &str, token: &str) -> String {
    let certificate = dir.join("certs/apiserver.crt");
    format!(
        "apiVersion: v1
kind: Config
clusters:
  - name: lab
    cluster: {{server: \"{server}\", certificate-authority: \"{}\"}}
users:
  - name: {name}
    user: {{token: {token}}}
contexts:
  - name: lab
    context: {{cluster: lab, user: {name}}}
current-context: lab
",
        certificate.display()
    )
}

//! The key that signs checkpoints of the audit chain, and the verification with its public half.

use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::audit::{Report, Verifier};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sqlx::{PgConnection, PgPool};

/// Ed25519, from a file that the database does not see.
#[derive(Clone)]
pub struct Key(SigningKey);

impl Key {
    /// Reads a PKCS #8 PEM file.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let pem = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the audit key {}", file.display()))?;
        let key = SigningKey::from_pkcs8_pem(&pem).map_err(|it| {
            anyhow::anyhow!("{} is not an Ed25519 key in PKCS #8 PEM: {it}", file.display())
        })?;
        Ok(Self(key))
    }

    /// The key in the data folder; the first start makes it, with the public half beside it.
    pub fn load_or_create(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("audit-key.pem");
        if file.exists() {
            return Self::load(&file);
        }
        let key = Self::from_random(rand::random());
        let pem = key.0.to_pkcs8_pem(LineEnding::LF).context("a new audit key")?;
        crate::files::create_private(&file, pem.as_bytes())?;
        key.publish(&public_file(&file))?;
        Ok(key)
    }

    pub fn from_random(random: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&random))
    }

    /// Writes the public half, for whoever verifies.
    pub fn publish(&self, file: &Path) -> anyhow::Result<()> {
        std::fs::write(file, self.public_pem()?)
            .with_context(|| format!("cannot write the public audit key {}", file.display()))
    }

    pub fn public_pem(&self) -> anyhow::Result<String> {
        self.0.verifying_key().to_public_key_pem(LineEnding::LF).context("a public audit key")
    }

    pub fn sign(&self, statement: &[u8]) -> [u8; 64] {
        self.0.sign(statement).to_bytes()
    }
}

/// The public half of a key, from whoever the reader trusts.
pub struct Trusted(VerifyingKey);

impl Trusted {
    /// Reads a PEM file.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let pem = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the public key {}", file.display()))?;
        let key = VerifyingKey::from_public_key_pem(&pem).map_err(|it| {
            anyhow::anyhow!("{} is not an Ed25519 public key in PEM: {it}", file.display())
        })?;
        Ok(Self(key))
    }

    /// Whether a statement bears this signature of the key.
    pub fn is_signed(&self, statement: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(statement, &Signature::from_bytes(signature)).is_ok()
    }
}

/// Where the public half lies: `audit-key.pub.pem` beside `audit-key.pem`.
pub fn public_file(key: &Path) -> PathBuf {
    key.with_extension("pub.pem")
}

/// Walks the whole chain with the public key that the reader trusts.
///
/// # Errors
/// A sentence that names the file, or the database's.
pub async fn verify(db: &PgPool, public_key: &Path) -> anyhow::Result<Report> {
    verify_on(&mut *db.acquire().await?, public_key).await
}

/// The same on one connection.
pub async fn verify_on(db: &mut PgConnection, public_key: &Path) -> anyhow::Result<Report> {
    let key = Trusted::load(public_key)?;
    let mut verifier =
        Verifier::new(|statement: &[u8], signature: &[u8; 64]| key.is_signed(statement, signature));
    store::audit::chain::walk(db, |seq, entry, seal, checkpoint| {
        verifier.look(seq, entry, seal, checkpoint)
    })
    .await?;
    Ok(verifier.report())
}

/// What an entry says, from the `json!` of an object.
pub(crate) fn details(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    match value {
        serde_json::Value::Object(details) => details,
        other => serde_json::Map::from_iter([("value".to_owned(), other)]),
    }
}

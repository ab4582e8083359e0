//! Argon2id with the library's own parameters, off the threads that serve requests: a hash is half a hundred
//! milliseconds of pure computing.

use std::sync::LazyLock;

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use rand::seq::IndexedRandom;

/// What an unknown name is checked against.
pub static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_now("nobody").expect("argon2 with its own defaults"));

pub async fn hash(password: String) -> anyhow::Result<String> {
    tokio::task::spawn_blocking(move || hash_now(&password)).await?
}

/// False also where the hash is none.
pub async fn verify(password: String, hash: String) -> anyhow::Result<bool> {
    Ok(tokio::task::spawn_blocking(move || verify_now(&password, &hash)).await?)
}

/// Sixteen characters that nobody mistakes for one another.
pub fn random() -> String {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut rng = rand::rng();
    let letter = |_| char::from(*LETTERS.choose(&mut rng).unwrap_or(&b'x'));
    let letters: Vec<char> = (0..16).map(letter).collect();
    letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

fn hash_now(password: &str) -> anyhow::Result<String> {
    let hash =
        Argon2::default().hash_password(password.as_bytes()).map_err(|it| anyhow!("{it}"))?;
    Ok(hash.to_string())
}

fn verify_now(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

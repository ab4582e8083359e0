//! Seals the few secrets that the database has to keep, so that a copy of it opens nothing.

use std::sync::Arc;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

/// ChaCha20-Poly1305 under a key derived from the installation's secret key.
#[derive(Clone)]
pub struct Vault(Arc<LessSafeKey>);

/// What was kept is not what was sealed, or was sealed with another key or for somebody else.
#[derive(Debug, thiserror::Error)]
#[error("a secret cannot be opened: it was sealed with another secret key, or changed")]
pub struct Broken;

impl Vault {
    /// # Panics
    /// Never: the length of the derived key is that of the cipher.
    pub fn new(secret_key: &[u8]) -> Self {
        let secret = Salt::new(HKDF_SHA256, b"lifeboat").extract(secret_key);
        let derived = secret.expand(&[b"one-time keys"], &CHACHA20_POLY1305);
        let key = UnboundKey::from(derived.expect("a key is shorter than what HKDF gives"));
        Self(Arc::new(LessSafeKey::new(key)))
    }

    /// `owner` has to be named again to open it, so that what is one person's is no use to another.
    pub fn seal(&self, owner: &str, secret: &[u8]) -> Result<Vec<u8>, Broken> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = secret.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| Broken)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(Broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Broken)?;
        let mut rest = rest.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut rest);
        Ok(opened.map_err(|_| Broken)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_owner_open_what_was_sealed() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal("a", b"secret").unwrap();
        assert_eq!(vault.open("a", &sealed).unwrap(), b"secret");
        assert_ne!(vault.seal("a", b"secret").unwrap(), sealed, "never the same twice");
        assert!(vault.open("b", &sealed).is_err());
        assert!(Vault::new(&[2; 32]).open("a", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open("a", &changed).is_err(), "{at}");
        }
        assert!(vault.open("a", &sealed[..5]).is_err());
    }
}

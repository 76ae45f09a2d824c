//! Passwords: Argon2id off the async threads, never more at once than there are cores.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

/// ASVS 5: 46 MiB, one pass, one lane.
const MEMORY_KIB: u32 = 46 * 1024;

#[derive(Clone, Debug)]
pub struct Passwords {
    slots: Arc<Semaphore>,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed with other parameters than today's: store this.
    Rehashed(String),
}

impl Passwords {
    #[expect(clippy::new_without_default, reason = "it measures the machine")]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { slots: Arc::new(Semaphore::new(cores)) }
    }

    pub async fn hash(&self, password: String) -> Result<String, String> {
        self.run(move || hash(&password)).await?
    }

    /// Verifies against a stored hash; without one (no such account) it works as long and finds the same as for a wrong one.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Verdict, String> {
        self.run(move || {
            let Some(stored) = stored else {
                hash(&password)?;
                return Ok(Verdict::Wrong);
            };
            let parsed = PasswordHash::new(&stored).map_err(|error| error.to_string())?;
            if argon2()?.verify_password(password.as_bytes(), &parsed).is_err() {
                return Ok(Verdict::Wrong);
            }
            match stored.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t=1,p=1$")) {
                true => Ok(Verdict::Right),
                false => Ok(Verdict::Rehashed(hash(&password)?)),
            }
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
        let _slot = self.slots.acquire().await.map_err(|error| error.to_string())?;
        tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
    }
}

fn argon2() -> Result<Argon2<'static>, String> {
    let params = Params::new(MEMORY_KIB, 1, 1, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, String> {
    Ok(argon2()?.hash_password(password.as_bytes()).map_err(|error| error.to_string())?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_verify_and_old_parameters_are_renewed() {
        let passwords = Passwords::new();
        let stored = passwords.hash("correct horse".into()).await.unwrap();
        assert_eq!(passwords.verify("correct horse".into(), Some(stored.clone())).await, Ok(Verdict::Right));
        assert_eq!(passwords.verify("wrong horse".into(), Some(stored)).await, Ok(Verdict::Wrong));
        assert_eq!(passwords.verify("anything".into(), None).await, Ok(Verdict::Wrong));
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8192, 1, 1, None).unwrap());
        let weak = weak.hash_password(b"correct horse").unwrap().to_string();
        assert!(matches!(
            passwords.verify("correct horse".into(), Some(weak)).await,
            Ok(Verdict::Rehashed(_))
        ));
    }
}

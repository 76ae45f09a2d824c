//! Tokens: access as a short JWT, refresh as a value that only our key can derive.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use domain::ids::{SessionId, UserId};

/// ASVS: short enough that a stolen one is of little use.
pub const ACCESS_LIFETIME: Duration = Duration::minutes(15);
pub const REFRESH_LIFETIME: Duration = Duration::days(7);

const AUDIENCE: &str = "sociopulse";
const ALGORITHM: Algorithm = Algorithm::HS256;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub sub: UserId,
    pub sid: SessionId,
    typ: Kind,
    aud: String,
    iat: i64,
    exp: i64,
}

/// So that no token of another purpose, signed by the same key, passes for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Access,
}

impl Claims {
    pub fn expires_at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.exp).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    Invalid,
    Expired,
}

/// Keys of all tokens: the first signs, all verify.
#[derive(Clone)]
pub struct Tokens {
    keys: Arc<[Key]>,
    validation: Arc<Validation>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

struct Key {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    refresh: Hmac<Sha256>,
    pseudonym: Hmac<Sha256>,
}

impl Key {
    fn new(secret: &str) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        Self {
            id: hex(&Sha256::digest(secret)[..4]),
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            refresh: mac.clone().chain_update(b"refresh\0"),
            pseudonym: mac.chain_update(b"pseudonym\0"),
        }
    }

    fn refresh_mac(&self, session: SessionId, generation: i32) -> Hmac<Sha256> {
        self.refresh.clone().chain_update(session.0.as_bytes()).chain_update(generation.to_be_bytes())
    }
}

impl Tokens {
    pub fn new(secret: &str, previous: &[String]) -> Self {
        let keys = std::iter::once(secret).chain(previous.iter().map(String::as_str)).map(Key::new).collect();
        let mut validation = Validation::new(ALGORITHM);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        // Checked below against our own clock, without leeway.
        validation.validate_exp = false;
        Self { keys, validation: Arc::new(validation) }
    }

    pub fn access(&self, user: UserId, session: SessionId, now: OffsetDateTime) -> String {
        let claims = Claims {
            sub: user,
            sid: session,
            typ: Kind::Access,
            aud: AUDIENCE.into(),
            iat: now.unix_timestamp(),
            exp: (now + ACCESS_LIFETIME).unix_timestamp(),
        };
        let key = &self.keys[0];
        let header = Header { kid: Some(key.id.clone()), ..Header::new(ALGORITHM) };
        #[expect(clippy::expect_used, reason = "claims are strings and numbers, and HMAC signs anything")]
        jsonwebtoken::encode(&header, &claims, &key.encoding).expect("claims encode")
    }

    pub fn verify_access(&self, token: &str, now: OffsetDateTime) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let key =
            self.keys.iter().find(|key| header.kid.as_ref() == Some(&key.id)).ok_or(TokenError::Invalid)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        if claims.expires_at() <= now { Err(TokenError::Expired) } else { Ok(claims) }
    }

    /// The refresh token of one generation of a session: always the same, so that a lost answer can be given again.
    pub fn refresh(&self, session: SessionId, generation: i32) -> String {
        let mac = self.keys[0].refresh_mac(session, generation).finalize().into_bytes();
        format!("{}.{generation}.{}", session.0.simple(), hex(&mac))
    }

    /// A name for an account that only we can derive, for counters that must not hold its address. The same for one that
    /// does not exist as for one that does.
    pub fn pseudonym(&self, text: &str) -> String {
        let mac = self.keys[0].pseudonym.clone().chain_update(text.as_bytes()).finalize().into_bytes();
        hex(&mac[..16])
    }

    /// Session and generation of a token that one of our keys derived.
    pub fn verify_refresh(&self, token: &str) -> Result<(SessionId, i32), TokenError> {
        let parts = || {
            let (session, rest) = token.split_once('.')?;
            let (generation, mac) = rest.split_once('.')?;
            Some((SessionId(Uuid::try_parse(session).ok()?), generation.parse().ok()?, unhex(mac)?))
        };
        let (session, generation, mac) = parts().ok_or(TokenError::Invalid)?;
        let derived = |key: &Key| key.refresh_mac(session, generation).verify_slice(&mac).is_ok();
        if self.keys.iter().any(derived) { Ok((session, generation)) } else { Err(TokenError::Invalid) }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.is_ascii() && text.len() == 64;
    digits.then(|| (0..64).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const OLD: &str = "0123456789abcdef0123456789abcdef";
    const NEW: &str = "fedcba9876543210fedcba9876543210";
    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

    #[test]
    fn keys_rotate() {
        let (user, session) = (UserId::new(), SessionId::new());
        let before = Tokens::new(OLD, &[]);
        let during = Tokens::new(NEW, &[OLD.into()]);
        let after = Tokens::new(NEW, &[]);
        let (access, refresh) = (before.access(user, session, NOW), before.refresh(session, 3));
        assert_eq!(during.verify_access(&access, NOW).unwrap().sid, session);
        assert_eq!(during.verify_refresh(&refresh), Ok((session, 3)));
        assert_eq!(after.verify_access(&access, NOW), Err(TokenError::Invalid));
        assert_eq!(after.verify_refresh(&refresh), Err(TokenError::Invalid));
    }

    #[test]
    fn forgeries_and_old_tokens_are_refused() {
        let tokens = Tokens::new(NEW, &[]);
        let access = tokens.access(UserId::new(), SessionId::new(), NOW);
        assert_eq!(tokens.verify_access(&access, NOW + ACCESS_LIFETIME), Err(TokenError::Expired));
        let mut other = access.clone();
        other.replace_range(access.len() - 2.., "AA");
        assert_eq!(tokens.verify_access(&other, NOW), Err(TokenError::Invalid));
        // {"alg":"none"} with the same claims
        let claims = access.split('.').nth(1).unwrap();
        assert_eq!(
            tokens.verify_access(&format!("eyJhbGciOiJub25lIn0.{claims}."), NOW),
            Err(TokenError::Invalid)
        );
        assert_eq!(tokens.verify_refresh("x"), Err(TokenError::Invalid));
        let refresh = tokens.refresh(SessionId::new(), 1);
        assert_eq!(tokens.verify_refresh(&refresh.replacen(".1.", ".2.", 1)), Err(TokenError::Invalid));
        assert_eq!(tokens.verify_access(&refresh, NOW), Err(TokenError::Invalid));
    }
}

//! Signatures as Svix makes them, who sends the webhooks of Resend: HMAC-SHA256 over `id.time.body`.

use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far its time may be from ours, in seconds.
const TOLERANCE: i64 = 300;
/// Most signatures that are looked at: there are several while a secret is rolled.
const MOST: usize = 16;

/// The headers that come with a body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signature<'h> {
    pub id: &'h str,
    pub timestamp: &'h str,
    /// `v1,<base64>`, several with a blank between.
    pub signatures: &'h str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSignature {
    Malformed,
    /// Older or younger than five minutes.
    NotOfNow,
    Wrong,
}

/// A secret as Svix shows it: `whsec_` and base64.
pub fn read_secret(text: &str) -> Result<Vec<u8>, String> {
    let key = text.strip_prefix("whsec_").and_then(|key| BASE64_STANDARD.decode(key).ok());
    key.filter(|key| key.len() >= 16)
        .ok_or_else(|| "not a secret such as whsec_…, of at least 16 bytes".into())
}

/// Whether somebody who knows one of `secrets` signed these bytes lately. `now` in seconds.
pub fn verify(
    signature: Signature<'_>,
    body: &[u8],
    secrets: &[Vec<u8>],
    now: i64,
) -> Result<(), BadSignature> {
    let Signature { id, timestamp, signatures } = signature;
    let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = timestamp.parse().ok().filter(|_| is_number).ok_or(BadSignature::Malformed)?;
    if id.is_empty() {
        return Err(BadSignature::Malformed);
    }
    let shown = signatures.split(' ').take(MOST).filter_map(|one| one.strip_prefix("v1,"));
    let shown: Vec<Vec<u8>> = shown.filter_map(|one| BASE64_STANDARD.decode(one).ok()).collect();
    // Every pair is compared, each in constant time.
    let mut fits = false;
    for secret in secrets {
        let expected = mac(secret, id, timestamp, body);
        for one in &shown {
            fits |= expected.clone().verify_slice(one).is_ok();
        }
    }
    match fits {
        false => Err(BadSignature::Wrong),
        true if seconds.abs_diff(now) > TOLERANCE.unsigned_abs() => Err(BadSignature::NotOfNow),
        true => Ok(()),
    }
}

/// The signature that Svix would send with these bytes.
pub fn sign(id: &str, timestamp: i64, body: &[u8], secret: &[u8]) -> String {
    let mac = mac(secret, id, &timestamp.to_string(), body).finalize().into_bytes();
    format!("v1,{}", BASE64_STANDARD.encode(mac))
}

fn mac(secret: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
    mac.chain_update(id).chain_update(b".").chain_update(timestamp).chain_update(b".").chain_update(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Svix's own documentation of its scheme.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn check(signatures: &str, time: i64) -> Result<(), BadSignature> {
        let signature = Signature { id: ID, timestamp: &TIME.to_string(), signatures };
        verify(signature, BODY, &[read_secret(SECRET).unwrap()], time)
    }

    #[test]
    fn a_signature_that_was_made_elsewhere_is_good() {
        assert_eq!(check(SIGNED, TIME), Ok(()));
        assert_eq!(sign(ID, TIME, BODY, &read_secret(SECRET).unwrap()), SIGNED);
        assert_eq!(check(&format!("v1,AAAA v2,xyz {SIGNED}"), TIME), Ok(()));
    }

    #[test]
    fn five_minutes_either_way() {
        assert_eq!(check(SIGNED, TIME + 300), Ok(()));
        assert_eq!(check(SIGNED, TIME - 300), Ok(()));
        assert_eq!(check(SIGNED, TIME + 301), Err(BadSignature::NotOfNow));
        assert_eq!(check(SIGNED, TIME - 301), Err(BadSignature::NotOfNow));
    }

    #[test]
    fn whatever_is_cut_or_changed_is_bad() {
        for end in 0..SIGNED.len() {
            assert_eq!(check(&SIGNED[..end], TIME), Err(BadSignature::Wrong), "{}", &SIGNED[..end]);
        }
        let secrets = [read_secret(SECRET).unwrap()];
        let time = TIME.to_string();
        let signature = Signature { id: ID, timestamp: &time, signatures: SIGNED };
        assert_eq!(verify(signature, b"{}", &secrets, TIME), Err(BadSignature::Wrong));
        assert_eq!(verify(signature, BODY, &[], TIME), Err(BadSignature::Wrong));
        assert_eq!(
            verify(Signature { id: "msg_2", ..signature }, BODY, &secrets, TIME),
            Err(BadSignature::Wrong)
        );
        for timestamp in ["", "+1614265330", "-1", "soon", "99999999999999999999"] {
            let signature = Signature { timestamp, ..signature };
            assert_eq!(verify(signature, BODY, &secrets, TIME), Err(BadSignature::Malformed), "{timestamp}");
        }
        assert_eq!(verify(Signature::default(), BODY, &secrets, TIME), Err(BadSignature::Malformed));
        for secret in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!", "whsec_AAAA"] {
            assert!(read_secret(secret).is_err(), "{secret}");
        }
    }
}

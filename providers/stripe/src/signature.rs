//! How a webhook proves that Stripe sent it: `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex> …]`, an HMAC-SHA256 of
//! `<t>.<body>` with the endpoint's secret; several while a secret is being rolled.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// Seconds between the signature and now, either way. Stripe's own libraries accept any future.
pub const TOLERANCE: i64 = 300;
/// Stripe sends as many as an endpoint has secrets; who sends more wants us to count.
const MOST: usize = 16;

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BadSignature {
    #[error("the Stripe-Signature header is malformed")]
    Malformed,
    #[error("the signature is older than {TOLERANCE} seconds")]
    Old,
    #[error("the signature is of the future")]
    Early,
    #[error("no signature fits the body")]
    Wrong,
}

/// Whether somebody who knows one of `secrets` signed these bytes lately. `now` in seconds.
pub fn verify(header: &str, body: &[u8], secrets: &[String], now: i64) -> Result<(), BadSignature> {
    let (time, signatures) = parse(header)?;
    let seconds: i64 = time.parse().map_err(|_| BadSignature::Malformed)?;
    // Every pair is compared, each in constant time: how long it takes says nothing about which one fits.
    let mut fits = false;
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let expected = mac(secret, time, body);
        for signature in &signatures {
            fits |= expected.clone().verify_slice(signature).is_ok();
        }
    }
    match fits {
        false => Err(BadSignature::Wrong),
        true if now.saturating_sub(seconds) > TOLERANCE => Err(BadSignature::Old),
        true if seconds.saturating_sub(now) > TOLERANCE => Err(BadSignature::Early),
        true => Ok(()),
    }
}

/// The header that Stripe would send with these bytes.
pub fn sign(body: &[u8], secret: &str, now: i64) -> String {
    use std::fmt::Write;

    let time = now.to_string();
    let mut header = format!("t={time},v1=");
    for byte in mac(secret, &time, body).finalize().into_bytes() {
        // Writing to a string cannot fail.
        let _ = write!(header, "{byte:02x}");
    }
    header
}

/// The time as it is written, since that is what was signed, and the signatures of the scheme that we know.
fn parse(header: &str) -> Result<(&str, Vec<[u8; 32]>), BadSignature> {
    let (mut time, mut signatures) = (None, Vec::new());
    for item in header.split(',') {
        match item.trim().split_once('=') {
            Some(("t", value)) if time.is_none() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                time = Some(value);
            }
            Some(("t", _)) | None => return Err(BadSignature::Malformed),
            Some(("v1", value)) => signatures.push(unhex(value).ok_or(BadSignature::Malformed)?),
            Some(_) => {}
        }
    }
    match time {
        Some(time) if (1..=MOST).contains(&signatures.len()) => Ok((time, signatures)),
        _ => Err(BadSignature::Malformed),
    }
}

fn mac(secret: &str, time: &str, body: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;

    fn check(header: &str) -> Result<(), BadSignature> {
        verify(header, BODY, &["whsec_old".to_owned(), "whsec_new".to_owned()], NOW)
    }

    fn signed(secret: &str, time: i64) -> String {
        sign(BODY, secret, time)
    }

    #[test]
    fn either_secret_is_good_and_a_third_is_not() {
        assert_eq!(check(&signed("whsec_old", NOW)), Ok(()));
        assert_eq!(check(&signed("whsec_new", NOW)), Ok(()));
        assert_eq!(check(&signed("whsec_other", NOW)), Err(BadSignature::Wrong));
        assert_eq!(check(&signed("", NOW)), Err(BadSignature::Wrong));
        assert_eq!(verify(&signed("", NOW), BODY, &[String::new()], NOW), Err(BadSignature::Wrong));
        assert_eq!(verify(&signed("whsec_old", NOW), BODY, &[], NOW), Err(BadSignature::Wrong));
    }

    /// Computed with `openssl dgst -sha256 -hmac whsec_new`.
    #[test]
    fn a_signature_that_was_made_elsewhere_is_good() {
        let header = "t=1790000000,v1=eda3ab78bd1b30658ce338c75230f91fc6d6cd286fc9daf2dee66b6e2a8caec9,v0=00";
        assert_eq!(check(header), Ok(()));
        assert_eq!(format!("{},v0=00", signed("whsec_new", NOW)), header);
    }

    #[test]
    fn five_minutes_either_way() {
        for (time, verdict) in [
            (NOW - 300, Ok(())),
            (NOW - 301, Err(BadSignature::Old)),
            (NOW + 300, Ok(())),
            (NOW + 301, Err(BadSignature::Early)),
            (0, Err(BadSignature::Old)),
            (i64::MAX, Err(BadSignature::Early)),
        ] {
            assert_eq!(check(&signed("whsec_new", time)), verdict, "{time}");
        }
    }

    #[test]
    fn one_good_signature_among_several_is_enough() {
        let zeros = "0".repeat(64);
        let good = signed("whsec_new", NOW);
        assert_eq!(check(&good.replace(",v1=", &format!(",v1={zeros},v1="))), Ok(()));
        assert_eq!(check(&format!("{good},v1={zeros}")), Ok(()));
        assert_eq!(check(&format!("{good},v1={}", &good[good.len() - 64..])), Ok(()));
        let many = format!(",v1={zeros}").repeat(MOST);
        assert_eq!(check(&format!("{good}{many}")), Err(BadSignature::Malformed));
    }

    #[test]
    fn whatever_is_cut_or_changed_is_bad() {
        let good = signed("whsec_new", NOW);
        for end in 0..good.len() {
            assert!(check(&good[..end]).is_err(), "{}", &good[..end]);
        }
        for header in [
            "",
            ",",
            "t",
            "t=,v1=",
            "v1=00",
            &good.replace("v1", "v0"),
            &good.replace("t=", "t=+"),
            &good.replace("t=", "t=-"),
            &good.replace("t=", "t=99999999999999999999"),
            &good.replace("t=", "t=0"),
            &format!("t={NOW},{good}"),
            &format!("{good},t={NOW}"),
            &format!("{good}00"),
        ] {
            assert!(check(header).is_err(), "{header}");
        }
        let secrets = ["whsec_new".to_owned()];
        assert_eq!(verify(&good, b"{}", &secrets, NOW), Err(BadSignature::Wrong));
        assert_eq!(verify(&good, &BODY[1..], &secrets, NOW), Err(BadSignature::Wrong));
    }
}

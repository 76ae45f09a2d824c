//! Who we are to a push service (RFC 8292): a key that the browser was shown, and an address for complaints.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use reqwest::Url;
use serde_json::json;

use crate::encryption::BASE64;
use crate::jwt;

/// At most a day is allowed.
const GOOD_FOR: u64 = 12 * 60 * 60;

pub(crate) struct Vapid {
    key: EcdsaKeyPair,
    public: String,
    subject: String,
}

impl Vapid {
    /// From 32 bytes in base64url, as the usual tools make them.
    pub(crate) fn new(private_key: &str, subject: &str) -> Result<Self, String> {
        const BAD: &str = "VAPID_PRIVATE_KEY: 32 bytes of a P-256 key in base64url are needed";
        let private = BASE64.decode(private_key).map_err(|_| BAD)?;
        let public = PrivateKey::from_private_key(&ECDH_P256, &private).map_err(|_| BAD)?;
        let public = public.compute_public_key().map_err(|_| BAD)?;
        let key = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &private,
            public.as_ref(),
        );
        if !subject.starts_with("mailto:") && !subject.starts_with("https://") {
            return Err("VAPID_SUBJECT: an address for complaints is needed, mailto:… or https://…".into());
        }
        Ok(Self {
            key: key.map_err(|_| BAD)?,
            public: BASE64.encode(public.as_ref()),
            subject: subject.to_owned(),
        })
    }

    /// What a browser subscribes with (`applicationServerKey`).
    pub(crate) fn public_key(&self) -> &str {
        &self.public
    }

    /// The header for a push to this endpoint. Without a space between its parts, as the strictest of its readers want it.
    pub(crate) fn authorization(&self, endpoint: &Url) -> Result<String, Unspecified> {
        let audience = endpoint.origin().ascii_serialization();
        let claims = json!({ "aud": audience, "exp": jwt::now() + GOOD_FOR, "sub": self.subject });
        let sign = |said: &[u8]| {
            self.key.sign(&SystemRandom::new(), said).map(|signature| signature.as_ref().to_vec())
        };
        Ok(format!("vapid t={},k={}", jwt::signed("ES256", &claims, sign)?, self.public))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    #[test]
    fn the_header_says_to_whom_and_until_when() {
        // The key pair of RFC 8291's example.
        let private = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
        let public =
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
        let vapid = Vapid::new(private, "mailto:ops@example.org").unwrap();
        assert_eq!(vapid.public_key(), public);
        let url = Url::parse("https://push.example/x/y?z").unwrap();
        let header = vapid.authorization(&url).unwrap();
        let token = header.strip_prefix("vapid t=").unwrap().strip_suffix(&format!(",k={public}")).unwrap();
        let (said, signature) = token.rsplit_once('.').unwrap();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, BASE64.decode(public).unwrap());
        key.verify(said.as_bytes(), &BASE64.decode(signature).unwrap()).unwrap();
        let claims = BASE64.decode(said.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            (&claims["aud"], &claims["sub"]),
            (&"https://push.example".into(), &"mailto:ops@example.org".into())
        );
        assert!((1..=24 * 60 * 60).contains(&(claims["exp"].as_u64().unwrap() - jwt::now())));
    }
}

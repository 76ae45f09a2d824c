//! Webhooks: what LiveKit tells, and how it is known that LiveKit tells it.
//!
//! The `Authorization` header is a JWT under our own secret that carries the SHA-256 of the body. It is believed for five
//! minutes; who stores each event's id once has nothing to fear from a replay within them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::LiveKit;

/// How long a signature is believed, in seconds.
pub const BELIEVED: i64 = 300;
/// How far the clocks of the two may be apart, in seconds.
const APART: i64 = 60;

/// Longest texts that are taken.
const LONGEST: usize = 200;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Invalid {
    /// Missing, forged, of another body, old or from the future.
    #[error("this was not signed for this body within the last five minutes")]
    Signature,
    /// Signed, and not an event all the same.
    #[error("the body is not an event: {0}")]
    Body(String),
}

/// Something happened in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The same in each delivery.
    pub id: String,
    /// `participant_joined`, `room_finished` …
    pub event: String,
    pub room: Option<String>,
    /// Identity of whom it is about.
    pub participant: Option<String>,
    pub occurred_at: OffsetDateTime,
}

#[derive(Debug, Deserialize)]
struct Claims {
    exp: i64,
    #[serde(default)]
    nbf: i64,
    #[serde(default)]
    iat: i64,
    sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    id: String,
    event: String,
    room: Option<Room>,
    participant: Option<Participant>,
    /// Seconds; as protocol buffers write 64 bits in JSON, a text.
    #[serde(default, deserialize_with = "seconds")]
    created_at: i64,
}

#[derive(Debug, Deserialize)]
struct Room {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct Participant {
    #[serde(default)]
    identity: String,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(seconds) => Ok(seconds),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

impl LiveKit {
    /// The event of a webhook, if it is LiveKit's and fresh.
    pub fn read_webhook(
        &self,
        authorization: Option<&str>,
        body: &[u8],
        now: OffsetDateTime,
    ) -> Result<Event, Invalid> {
        let claims = self.verify(authorization.ok_or(Invalid::Signature)?, body)?;
        let now = now.unix_timestamp();
        let parsed = serde_json::from_slice::<Body>(body);
        // Some of the SDKs say neither when they signed: then the event's own time counts, which is signed with it.
        let told = parsed.as_ref().map_or(0, |body| body.created_at);
        let signed = Some(claims.iat.max(claims.nbf)).filter(|at| *at > 0).unwrap_or(told);
        if claims.exp <= now || signed < now - BELIEVED || signed > now + APART {
            return Err(Invalid::Signature);
        }
        event(parsed.map_err(|error| Invalid::Body(error.to_string()))?, signed)
    }

    fn verify(&self, token: &str, body: &[u8]) -> Result<Claims, Invalid> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[&self.inner.key]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        // Times are compared with the platform's clock, above.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.inner.verifying, &validation)
            .map_err(|_| Invalid::Signature)?
            .claims;
        match claims.sha256 == STANDARD.encode(Sha256::digest(body)) {
            true => Ok(claims),
            false => Err(Invalid::Signature),
        }
    }
}

fn event(body: Body, signed: i64) -> Result<Event, Invalid> {
    let occurred = if body.created_at > 0 { body.created_at } else { signed };
    let event = Event {
        id: body.id,
        event: body.event,
        room: body.room.map(|room| room.name).filter(|name| !name.is_empty()),
        participant: body.participant.map(|who| who.identity).filter(|identity| !identity.is_empty()),
        occurred_at: OffsetDateTime::from_unix_timestamp(occurred)
            .map_err(|error| Invalid::Body(error.to_string()))?,
    };
    let texts = [Some(&event.id), Some(&event.event), event.room.as_ref(), event.participant.as_ref()];
    let fits = |text: &&String| text.len() <= LONGEST && !text.contains('\0');
    match event.id.is_empty() || event.event.is_empty() || !texts.iter().flatten().all(fits) {
        true => Err(Invalid::Body("id, event, room and identity have 1 to 200 characters".into())),
        false => Ok(event),
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const SECRET: &str = "a-secret-that-is-long-enough-for-it";
    const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

    fn livekit() -> LiveKit {
        LiveKit::new("wss://live.example", "key", SECRET).unwrap()
    }

    fn signed(body: &str, changes: &Value, secret: &str) -> String {
        let now = NOW.unix_timestamp();
        let mut claims = json!({
            "iss": "key", "nbf": now, "exp": now + 300, "sha256": STANDARD.encode(Sha256::digest(body)),
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    }

    const BODY: &str = r#"{"event":"participant_joined","id":"EV_1","createdAt":"1780315200",
        "room":{"sid":"RM_1","name":"booking-1"},"participant":{"identity":"u-1","state":"ACTIVE"}}"#;

    #[test]
    fn an_event_of_livekit_is_read() {
        let read = livekit().read_webhook(Some(&signed(BODY, &json!({}), SECRET)), BODY.as_bytes(), NOW);
        let expected = Event {
            id: "EV_1".into(),
            event: "participant_joined".into(),
            room: Some("booking-1".into()),
            participant: Some("u-1".into()),
            occurred_at: datetime!(2026-06-01 12:00 UTC),
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn what_livekit_did_not_sign_for_this_body_now_is_refused() {
        let now = NOW.unix_timestamp();
        let read = |token: &str, at| livekit().read_webhook(Some(token), BODY.as_bytes(), at).map(drop);
        let with = |changes| read(&signed(BODY, &changes, SECRET), NOW);
        assert_eq!(livekit().read_webhook(None, BODY.as_bytes(), NOW).map(drop), Err(Invalid::Signature));
        for changes in [
            json!({ "sha256": STANDARD.encode(Sha256::digest("other")) }),
            json!({ "sha256": null }),
            json!({ "iss": "other" }),
            json!({ "iss": null }),
            json!({ "exp": now }),
            json!({ "exp": null }),
            json!({ "nbf": now - 301, "exp": now + 3600 }),
            json!({ "nbf": now + 61, "exp": now + 3600 }),
        ] {
            assert_eq!(with(changes.clone()), Err(Invalid::Signature), "{changes}");
        }
        assert_eq!(
            read(&signed(BODY, &json!({}), "another-secret-that-is-long-enough"), NOW),
            Err(Invalid::Signature)
        );
        // The JavaScript SDK writes nbf 0: the event's own time counts.
        let vague = signed(BODY, &json!({ "nbf": 0, "exp": now + 21_600 }), SECRET);
        assert_eq!(read(&vague, NOW + Duration::seconds(300)), Ok(()));
        assert_eq!(read(&vague, NOW + Duration::seconds(301)), Err(Invalid::Signature));
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", vague.split('.').nth(1).unwrap());
        assert_eq!(read(&unsigned, NOW), Err(Invalid::Signature));
    }

    #[test]
    fn a_signed_body_that_is_no_event_is_told_apart() {
        for body in
            ["", "[]", "{}", r#"{"event":"x","id":""}"#, r#"{"event":"x","id":"1","createdAt":"soon"}"#]
        {
            let token = signed(body, &json!({}), SECRET);
            let read = livekit().read_webhook(Some(&token), body.as_bytes(), NOW);
            assert!(matches!(read, Err(Invalid::Body(_))), "{body}: {read:?}");
        }
    }
}

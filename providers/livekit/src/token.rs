//! Access tokens, as LiveKit's own SDKs make them.

use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;
use time::OffsetDateTime;

use crate::LiveKit;

/// Who may enter a room, and as whom.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    pub room: &'a str,
    pub identity: &'a str,
    /// What the others read.
    pub name: &'a str,
    /// May mute and send away.
    pub is_host: bool,
    pub expires_at: OffsetDateTime,
}

#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    nbf: i64,
    exp: i64,
    video: Video<'a>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Video<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    room_join: bool,
    #[serde(skip_serializing_if = "is_false")]
    can_publish: bool,
    #[serde(skip_serializing_if = "is_false")]
    can_subscribe: bool,
    #[serde(skip_serializing_if = "is_false")]
    can_publish_data: bool,
    #[serde(skip_serializing_if = "is_false")]
    room_admin: bool,
    #[serde(skip_serializing_if = "is_false")]
    room_create: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

impl LiveKit {
    /// A token that opens one room to one person until it expires.
    pub fn token(&self, grant: &Grant<'_>, now: OffsetDateTime) -> String {
        self.sign(&Claims {
            iss: &self.inner.key,
            sub: Some(grant.identity),
            name: Some(grant.name),
            nbf: now.unix_timestamp(),
            exp: grant.expires_at.unix_timestamp(),
            video: Video {
                room: Some(grant.room),
                room_join: true,
                can_publish: true,
                can_subscribe: true,
                can_publish_data: true,
                room_admin: grant.is_host,
                room_create: false,
            },
        })
    }

    /// For the room service: making and closing rooms is one right.
    pub(crate) fn service_token(&self, now: OffsetDateTime) -> String {
        self.sign(&Claims {
            iss: &self.inner.key,
            sub: None,
            name: None,
            nbf: now.unix_timestamp(),
            exp: now.unix_timestamp() + 60,
            video: Video { room_create: true, ..Video::default() },
        })
    }

    fn sign(&self, claims: &Claims<'_>) -> String {
        let header = Header::new(Algorithm::HS256);
        #[expect(clippy::expect_used, reason = "claims are strings and numbers, and HMAC signs anything")]
        jsonwebtoken::encode(&header, claims, &self.inner.signing).expect("claims encode")
    }
}

//! The room service, spoken as Twirp: JSON over HTTP.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use time::OffsetDateTime;

use crate::LiveKit;

/// A room that could not be closed; asking again is harmless.
#[derive(Debug, thiserror::Error)]
#[error("LiveKit: {0}")]
pub struct Fault(String);

pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().connect_timeout(Duration::from_secs(3)).timeout(Duration::from_secs(8)).build()
}

impl LiveKit {
    /// Closes a room and sends everybody in it away. A room that is not there is closed.
    pub async fn close_room(&self, room: &str, now: OffsetDateTime) -> Result<(), Fault> {
        let url = format!("{}/twirp/livekit.RoomService/DeleteRoom", self.inner.api);
        let request =
            self.inner.http.post(url).bearer_auth(self.service_token(now)).json(&json!({ "room": room }));
        let answer = request.send().await.map_err(|error| Fault(error.to_string()))?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(Fault(format!("DeleteRoom answered {status}"))),
        }
    }
}

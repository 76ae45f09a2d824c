use clap::Args;

use crate::LiveKit;

/// All or none.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// LiveKit as its clients reach it (`wss://live.example`); without it there are no video sessions.
    #[arg(long, env = "LIVEKIT_URL", default_value = "")]
    pub livekit_url: String,
    /// Name of the key that signs tokens and webhooks.
    #[arg(long, env = "LIVEKIT_API_KEY", default_value = "")]
    pub livekit_api_key: String,
    /// The key itself, at least 32 bytes.
    #[arg(long, env = "LIVEKIT_API_SECRET", hide_env_values = true, default_value = "")]
    pub livekit_api_secret: String,
}

impl Settings {
    /// Nothing when nothing is set; what is set by half is a fault.
    pub fn connect(&self) -> Result<Option<LiveKit>, String> {
        let Self { livekit_url: url, livekit_api_key: key, livekit_api_secret: secret } = self;
        if [url, key, secret].iter().all(|value| value.is_empty()) {
            return Ok(None);
        }
        LiveKit::new(url, key, secret).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_by_half_or_too_short_is_refused() {
        let connect = |url: &str, key: &str, secret: &str| {
            let settings = Settings {
                livekit_url: url.into(),
                livekit_api_key: key.into(),
                livekit_api_secret: secret.into(),
            };
            settings.connect().map(|livekit| livekit.is_some())
        };
        let secret = "s".repeat(32);
        assert_eq!(connect("", "", ""), Ok(false));
        assert_eq!(connect("wss://live.example", "key", &secret), Ok(true));
        for (url, key, secret, named) in [
            ("wss://live.example", "key", "", "LIVEKIT_API_SECRET"),
            ("wss://live.example", "key", &secret[1..], "LIVEKIT_API_SECRET"),
            ("wss://live.example", "", &secret, "LIVEKIT_API_KEY"),
            ("", "key", &secret, "LIVEKIT_URL"),
            ("live.example", "key", &secret, "LIVEKIT_URL"),
        ] {
            assert!(connect(url, key, secret).unwrap_err().contains(named), "{url} {key}");
        }
    }
}

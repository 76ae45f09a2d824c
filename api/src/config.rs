//! The API's configuration; `sociopulse-api serve --help` is its manual.

use std::time::Duration;

use clap::Parser;
use ipnet::IpNet;

use crate::rate_limit::RateLimit;
use crate::svix;

#[derive(Clone, Debug, Parser)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// Port to listen on.
    #[arg(long, env = "PORT", default_value_t = 4000)]
    pub port: u16,
    /// PostgreSQL 15 or later.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Most connections to PostgreSQL.
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = 10)]
    pub database_connections: u32,
    /// Redis 7 or later.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: String,
    /// Prefix of every key and channel, so that deployments may share a Redis.
    #[arg(long, env = "REDIS_PREFIX", default_value = "sociopulse")]
    pub redis_prefix: String,
    /// Key of all tokens, at least 32 bytes. There is no default.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true, value_parser = secret)]
    pub jwt_secret: String,
    /// Earlier keys, comma-separated, that still verify while the key is rotated.
    #[arg(long, env = "JWT_PREVIOUS_SECRETS", hide_env_values = true, default_value = "", value_parser = list(secret))]
    pub jwt_previous_secrets: List<String>,
    /// Networks of proxies whose X-Forwarded-For is believed, comma-separated (`10.0.0.0/8`).
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "", value_parser = list(network))]
    pub trusted_proxies: List<IpNet>,
    /// Origins whose pages may call the API from a browser, comma-separated (`https://app.example`).
    #[arg(long, env = "CORS_ORIGINS", default_value = "", value_parser = list(origin))]
    pub cors_origins: List<String>,
    /// Seconds between two heartbeats of a live connection; below what proxies take for silence.
    #[arg(long, env = "LIVE_HEARTBEAT_SECONDS", default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..=50))]
    pub live_heartbeat_seconds: u64,
    /// Budgets per operation and user (or address), or `off`.
    #[arg(long, env = "RATE_LIMIT", default_value = "short=3/1s,medium=20/10s")]
    pub rate_limit: RateLimit,
    /// Where the pages of the front end are.
    #[arg(long, env = "FRONTEND_URL", default_value = "http://127.0.0.1:3000")]
    pub frontend_url: String,
    #[command(flatten)]
    pub stripe: stripe_connect::StripeSettings,
    /// Secrets of Stripe's webhook endpoint, comma-separated: two while one is rolled.
    #[arg(long, env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true, default_value = "", value_parser = list(webhook_secret))]
    pub stripe_webhook_secret: List<String>,
    /// PISTE application of the workers that hand invoices to Chorus Pro; public establishments pay by card when empty.
    #[arg(long, env = "CHORUS_CLIENT_ID", default_value = "")]
    pub chorus_client_id: String,
    /// Secrets of Resend's webhook, comma-separated: two while one is rolled. Without one its events are not taken.
    #[arg(long, env = "RESEND_WEBHOOK_SECRET", hide_env_values = true, default_value = "", value_parser = list(svix::read_secret))]
    pub resend_webhook_secret: List<Vec<u8>>,
    /// The sandbox's folder of mails, to be shown on `/dev/mailbox` to whoever asks: never in production, and refused on any address
    /// but the loopback's. Without it there is no such page.
    #[arg(long, env = "DEV_MAILBOX", default_value = "")]
    pub dev_mailbox: String,
    /// Seconds that the header of a request may take to come.
    #[arg(long, env = "HEADER_TIMEOUT", default_value = "10", value_parser = seconds)]
    pub header_timeout: Duration,
    #[command(flatten)]
    pub livekit: livekit::Settings,
    #[command(flatten)]
    pub push: push::PushSettings,
    /// Where files rest, the same for API and workers: a folder, or a bucket as `s3://bucket/prefix`, whose region, keys and
    /// endpoint are those of AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT.
    #[arg(long, env = "STORAGE_URL", default_value = "files")]
    pub storage_url: String,
}

/// Comma-separated in the environment, where an empty variable means an empty list.
type List<T> = std::sync::Arc<[T]>;

fn list<T>(item: fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<List<T>, String> + Clone {
    move |text| text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(item).collect()
}

/// A key that can be guessed is no key.
fn secret(text: &str) -> Result<String, String> {
    match text.len() {
        32.. => Ok(text.to_owned()),
        short => {
            Err(format!("{short} bytes are too short, at least 32 are needed (try: openssl rand -hex 32)"))
        }
    }
}

fn webhook_secret(text: &str) -> Result<String, String> {
    match text.len() {
        16.. => Ok(text.to_owned()),
        short => Err(format!("{short} bytes are too short for a webhook's secret (whsec_…)")),
    }
}

/// A network, or a single address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| format!("{text} is neither a network nor an address"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.1..=60.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("{text} is not between 0.1 and 60 seconds"))
}

fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*'])) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text} is not an origin such as https://app.example")),
    }
}

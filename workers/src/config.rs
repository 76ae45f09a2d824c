//! The worker's configuration; `sociopulse-worker --help` is its manual.

use std::path::PathBuf;

use clap::{Args, Parser};
use jobs::ledger::Queue;
use jobs::queues;

/// Runs SocioPulse's jobs. Start as many as you like.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Config {
    /// PostgreSQL 15 or later.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Connections for handlers; the engine adds twelve of its own.
    #[arg(long, env = "WORKER_DATABASE_CONNECTIONS", default_value_t = 10)]
    pub database_connections: u32,
    /// Redis 7 or later.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: String,
    /// Prefix of every key and channel, so that deployments may share a Redis.
    #[arg(long, env = "REDIS_PREFIX", default_value = "sociopulse")]
    pub redis_prefix: String,
    /// Jobs of one queue that this process runs at once (the media queue: two).
    #[arg(long, env = "WORKER_SLOTS", default_value_t = 32)]
    pub worker_slots: usize,
    /// Seconds that a stopping worker waits for what runs, before giving it back.
    #[arg(long, env = "WORKER_DRAIN_SECONDS", default_value_t = 20)]
    pub drain_seconds: u64,
    /// Whether this worker offers the jobs that come back by the clock. Any number may; each tick runs once.
    #[arg(long, env = "WORKER_CRON", default_value_t = true, action = clap::ArgAction::Set)]
    pub worker_cron: bool,
    /// Address to serve Prometheus metrics on (`0.0.0.0:9464`); none when empty.
    #[arg(long, env = "WORKER_METRICS", default_value = "")]
    pub worker_metrics: String,
    /// Operations address that is mailed at once when a CRITICAL mission is posted or a message reported; nobody when empty.
    #[arg(long, env = "ALERT_EMAIL", default_value = "")]
    pub alert_email: String,
    /// Address service that speaks the protocol of the Base Adresse Nationale; none when empty, and missions without
    /// coordinates then wait for somebody to name them.
    #[arg(long, env = "GEOCODER_URL", default_value = "")]
    pub geocoder_url: String,
    /// Where files rest, the same for API and workers: a folder, or a bucket as `s3://bucket/prefix`, whose region, keys and
    /// endpoint are those of AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT.
    #[arg(long, env = "STORAGE_URL", default_value = "files")]
    pub storage_url: String,
    #[command(flatten)]
    pub mail: MailConfig,
    #[command(flatten)]
    pub log: domain::process::Log,
}

impl Config {
    pub fn slots(&self) -> Vec<(Queue, usize)> {
        let slots = |queue| if queue == queues::MEDIA { 2 } else { self.worker_slots.max(1) };
        queues::ALL.into_iter().map(|queue| (queue, slots(queue))).collect()
    }
}

#[derive(Clone, Debug, Args)]
pub struct MailConfig {
    /// Mail server, such as `smtps://user:password@mail.example:465`; without one, mails are written to MAIL_DIR.
    #[arg(long, env = "SMTP_URL", hide_env_values = true, default_value = "")]
    pub smtp_url: String,
    /// Sandbox: the folder that mails are written to, one `.eml` each.
    #[arg(long, env = "MAIL_DIR", default_value = "mail")]
    pub mail_dir: PathBuf,
    /// Sender of every mail.
    #[arg(long, env = "MAIL_FROM", default_value = "SocioPulse <ne-pas-repondre@sociopulse.test>")]
    pub mail_from: String,
    /// Where links in mails lead.
    #[arg(long, env = "FRONTEND_URL", default_value = "http://127.0.0.1:3000")]
    pub frontend_url: String,
}

impl MailConfig {
    /// The sandbox alone.
    pub fn folder(mail_dir: PathBuf) -> Self {
        Self {
            smtp_url: String::new(),
            mail_dir,
            mail_from: "SocioPulse <ne-pas-repondre@sociopulse.test>".into(),
            frontend_url: "http://127.0.0.1:3000".into(),
        }
    }
}

//! The worker's configuration; `sociopulse-worker --help` is its manual.

use std::sync::Arc;

use clap::{Args, Parser};
use domain::ids::UserId;
use domain::parties::Party;
use jobs::ledger::Queue;
use jobs::queues;
use uuid::Uuid;

use crate::chorus::{Chorus, Piste};

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
    /// Operations address that is mailed at once when a CRITICAL mission is posted, a message reported, or money or points need a person;
    /// nobody when empty.
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
    pub stripe: stripe_connect::StripeSettings,
    #[command(flatten)]
    pub chorus: ChorusConfig,
    #[command(flatten)]
    pub platform: Platform,
    #[command(flatten)]
    pub mail: MailConfig,
    #[command(flatten)]
    pub livekit: livekit::Settings,
    #[command(flatten)]
    pub push: push::PushSettings,
    #[command(flatten)]
    pub log: domain::process::Log,
}

impl Config {
    pub fn slots(&self) -> Vec<(Queue, usize)> {
        let slots = |queue| if queue == queues::MEDIA { 2 } else { self.worker_slots.max(1) };
        queues::ALL.into_iter().map(|queue| (queue, slots(queue))).collect()
    }
}

/// Who the platform is on its own invoices.
#[derive(Clone, Debug, Args)]
pub struct Platform {
    /// The platform's legal name.
    #[arg(long, env = "PLATFORM_NAME", default_value = "SocioPulse")]
    pub platform_name: String,
    /// Its SIRET; without one its invoices carry no Factur-X.
    #[arg(long, env = "PLATFORM_SIRET", default_value = "")]
    pub platform_siret: String,
    /// Its VAT number.
    #[arg(long, env = "PLATFORM_VAT_NUMBER", default_value = "")]
    pub platform_vat_number: String,
    /// Street and number.
    #[arg(long, env = "PLATFORM_ADDRESS", default_value = "")]
    pub platform_address: String,
    /// Postal code.
    #[arg(long, env = "PLATFORM_POSTAL_CODE", default_value = "")]
    pub platform_postal_code: String,
    /// City.
    #[arg(long, env = "PLATFORM_CITY", default_value = "")]
    pub platform_city: String,
    /// Where questions about its invoices go.
    #[arg(long, env = "PLATFORM_EMAIL", default_value = "facturation@sociopulse.test")]
    pub platform_email: String,
}

impl Platform {
    pub fn party(&self) -> Party {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Party {
            user_id: UserId(Uuid::nil()),
            name: self.platform_name.clone(),
            email: self.platform_email.clone(),
            siret: given(&self.platform_siret),
            vat_number: given(&self.platform_vat_number),
            address: given(&self.platform_address),
            postal_code: given(&self.platform_postal_code),
            city: given(&self.platform_city),
        }
    }
}

/// Where public bodies receive invoices.
#[derive(Clone, Debug, Args)]
pub struct ChorusConfig {
    /// PISTE application that asks Chorus Pro; nobody is asked when empty.
    #[arg(long, env = "CHORUS_CLIENT_ID", default_value = "")]
    pub chorus_client_id: String,
    #[arg(long, env = "CHORUS_CLIENT_SECRET", hide_env_values = true, default_value = "")]
    pub chorus_client_secret: String,
    /// Technical account of Chorus Pro, login:password.
    #[arg(long, env = "CHORUS_ACCOUNT", hide_env_values = true, default_value = "")]
    pub chorus_account: String,
    /// Where PISTE gives tokens.
    #[arg(long, env = "CHORUS_TOKEN_URL", default_value = "https://oauth.piste.gouv.fr/api/oauth/token")]
    pub chorus_token_url: String,
    /// Where PISTE leads to Chorus Pro.
    #[arg(long, env = "CHORUS_API_BASE", default_value = "https://api.piste.gouv.fr")]
    pub chorus_api_base: String,
}

impl ChorusConfig {
    /// Who takes invoices to public bodies; nobody, when none is configured.
    pub fn connect(&self) -> Result<Option<Arc<dyn Chorus>>, String> {
        match self.chorus_client_id.as_str() {
            "" => Ok(None),
            _ => Ok(Some(Arc::new(Piste::new(self)?))),
        }
    }
}

#[derive(Clone, Debug, Args)]
pub struct MailConfig {
    /// Mail server, such as `smtps://user:password@mail.example:465`; without one, and without RESEND_API_KEY, mails are written to
    /// MAIL_DIR.
    #[arg(long, env = "SMTP_URL", hide_env_values = true, default_value = "")]
    pub smtp_url: String,
    /// Key of Resend, in place of a mail server of one's own.
    #[arg(long, env = "RESEND_API_KEY", hide_env_values = true, default_value = "")]
    pub resend_api_key: String,
    /// Where Resend is.
    #[arg(long, env = "RESEND_API_BASE", default_value = "https://api.resend.com")]
    pub resend_api_base: String,
    /// Sandbox: the folder that mails are written to, one `.eml` each. Empty, and neither of the two others set: no start.
    #[arg(long, env = "MAIL_DIR", default_value = "mail")]
    pub mail_dir: String,
    /// Sender of every mail.
    #[arg(long, env = "MAIL_FROM", default_value = "SocioPulse <ne-pas-repondre@sociopulse.test>")]
    pub mail_from: String,
    /// Where links in mails lead.
    #[arg(long, env = "FRONTEND_URL", default_value = "http://127.0.0.1:3000")]
    pub frontend_url: String,
    /// Where the API is reached from outside (`https://api.example`): mail programs unsubscribe there with one click. When empty their
    /// readers do it on a page of the front end.
    #[arg(long, env = "API_URL", default_value = "")]
    pub api_url: String,
}

impl MailConfig {
    /// The sandbox alone.
    pub fn folder(mail_dir: &str) -> Self {
        Self {
            smtp_url: String::new(),
            resend_api_key: String::new(),
            resend_api_base: "https://api.resend.com".into(),
            mail_dir: mail_dir.into(),
            mail_from: "SocioPulse <ne-pas-repondre@sociopulse.test>".into(),
            frontend_url: "http://127.0.0.1:3000".into(),
            api_url: String::new(),
        }
    }
}

//! Runs the jobs. The engine knows no noun of the product; everything else here is handlers and outside services.

pub mod chorus;
pub mod config;
pub mod engine;
pub mod geocoder;
pub mod mailer;
pub mod paper;

mod account_mail;
mod alert_money;
mod alert_operations;
mod alert_report;
mod alert_unfilled;
mod auto_validate_report;
mod award_points;
mod calendar;
mod cancel_cascade;
mod cancel_payment;
mod check_assignment;
mod check_points;
mod close_room;
mod complete_contract;
mod conclude_booking;
mod delivery;
mod digest_unread;
mod dispatch_wave;
mod draft_contract;
mod draft_missing_contracts;
mod dun_invoice;
mod enforce_account;
mod expire_booking;
mod expire_contract;
mod expire_mission;
mod expire_quote;
mod expire_site_invitation;
mod geocode_address;
mod geocode_mission;
mod lock_chat;
mod match_mission;
mod notify;
mod pay_out;
mod poll_chorus;
mod process_video_event;
mod purge;
mod push_messages;
mod push_notification;
mod reconcile_stripe;
mod refund_payment;
mod rematch_open;
mod remind_booking;
mod remind_mission;
mod remind_quote;
mod remind_signature;
mod render_document;
mod request_password_reset;
mod request_review;
mod retry_after;
mod reverse_points;
mod send_mail;
mod send_signature_code;
mod settle_payment;
mod stripe;
mod submit_chorus;
mod submit_credit;
mod sync_connect;

use std::io;
use std::sync::Arc;

use domain::parties::Party;
use domain::{Clock, Db};
use tokio_util::sync::CancellationToken;

pub use config::Config;
use engine::{Handlers, Run};
use geocoder::{Ban, Budget, Geocoder};
use jobs::schedule::SCHEDULE;
use livekit::LiveKit;
use mailer::Mailer;
use metrics_exporter_prometheus::PrometheusBuilder;
use storage::Storage;
use time::OffsetDateTime;

/// What handlers work with.
#[derive(Clone, Debug)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub mailer: Arc<Mailer>,
    /// Who is told of CRITICAL missions, of reported messages, and of money or points that need a person.
    pub alert_email: Option<String>,
    /// Who is asked where an address is; nobody, when none is configured.
    pub geocoder: Option<Arc<dyn Geocoder>>,
    /// Who moves money; nobody, when none is configured.
    pub payments: Option<Arc<dyn stripe_connect::Payments>>,
    /// Who takes invoices to public bodies; nobody, when none is configured.
    pub chorus: Option<Arc<dyn chorus::Chorus>>,
    /// Who issues invoices for commissions.
    pub platform: Arc<Party>,
    /// Where files rest.
    pub storage: Storage,
    /// Where video sessions are held; nowhere, when none is configured.
    pub livekit: Option<LiveKit>,
    /// Who reaches devices.
    pub push: push::Services,
    /// Where the API says who is there.
    pub redis: redis::aio::ConnectionManager,
}

impl Run<App> {
    /// Not before the job was due: a timer that this host's clock thinks early would find that its time has not come, and it comes
    /// only once.
    pub fn now(&self) -> OffsetDateTime {
        self.app.clock.now().max(self.due_at())
    }
}

/// Every kind of job and who runs it.
pub fn handlers(app: App) -> Handlers<App> {
    Handlers::new(app)
        .on(alert_money::run)
        .on(alert_operations::run)
        .on(alert_report::run)
        .on(alert_unfilled::run)
        .on(auto_validate_report::run)
        .on_together(16, award_points::run)
        .on(cancel_cascade::run)
        .on(cancel_payment::run)
        .on(check_assignment::run)
        .on(check_points::run)
        .on(close_room::run)
        .on(complete_contract::run)
        .on(conclude_booking::run)
        .on(digest_unread::run)
        .on(dispatch_wave::run)
        .on(draft_contract::run)
        .on(draft_missing_contracts::run)
        .on(dun_invoice::run)
        .on(enforce_account::run)
        .on(expire_booking::run)
        .on(expire_contract::run)
        .on(expire_mission::run)
        .on(expire_quote::run)
        .on(expire_site_invitation::run)
        .on(geocode_address::run)
        .on(geocode_mission::run)
        .on(lock_chat::run)
        .on_together(16, match_mission::run)
        .on(notify::run)
        .on(pay_out::run)
        .on(poll_chorus::run)
        .on(process_video_event::run)
        .on(purge::run)
        .on(push_messages::run)
        .on(push_notification::run)
        .on(reconcile_stripe::run)
        .on(refund_payment::run)
        .on(rematch_open::run)
        .on(remind_booking::run)
        .on(remind_mission::run)
        .on(remind_quote::run)
        .on(remind_signature::run)
        .on(render_document::run)
        .on(request_password_reset::run)
        .on(request_review::run)
        .on(reverse_points::run)
        .on(send_mail::run)
        .on(send_signature_code::run)
        .on(settle_payment::run)
        .on(submit_chorus::run)
        .on(submit_credit::run)
        .on(sync_connect::run)
}

/// One worker process, until `stop` is cancelled and what runs has ended.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> io::Result<()> {
    run_with(config, clock, stop, |handlers| handlers).await
}

/// As [`run`], with handlers that are not quite as they come.
pub async fn run_with(
    config: Config,
    clock: Clock,
    stop: CancellationToken,
    shape: impl FnOnce(Handlers<App>) -> Handlers<App>,
) -> io::Result<()> {
    if !config.worker_metrics.is_empty() {
        let address: std::net::SocketAddr = config.worker_metrics.parse().map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("WORKER_METRICS: {error}"))
        })?;
        PrometheusBuilder::new().with_http_listener(address).install().map_err(io::Error::other)?;
    }
    let app = App::new(&config, clock.clone())?;
    let engine = engine::Config {
        slots: config.slots(),
        database_url: config.database_url,
        redis_url: config.redis_url,
        db: app.db.clone(),
        clock,
        handlers: shape(handlers(app)),
        crons: if config.worker_cron { SCHEDULE.to_vec() } else { Vec::new() },
        drain: std::time::Duration::from_secs(config.drain_seconds),
    };
    engine::run(engine, stop).await
}

impl App {
    pub fn new(config: &Config, clock: Clock) -> io::Result<Self> {
        let redis = domain::bus::connect(&config.redis_url).map_err(io::Error::other)?;
        let bus = domain::Bus::new(redis.clone(), &config.redis_prefix);
        let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidInput, error);
        Ok(Self {
            geocoder: geocoder(&config.geocoder_url, Budget::new(redis.clone(), bus.name("geocoder")))?,
            db: Db::connect(&config.database_url, config.database_connections, bus)
                .map_err(io::Error::other)?,
            mailer: Arc::new(Mailer::new(&config.mail, &clock)?),
            clock,
            alert_email: Some(config.alert_email.clone()).filter(|address| !address.is_empty()),
            livekit: config.livekit.connect().map_err(invalid)?,
            push: config.push.connect().map_err(invalid)?,
            redis,
            payments: config.stripe.connect().map_err(invalid)?,
            chorus: config.chorus.connect().map_err(invalid)?,
            platform: Arc::new(config.platform.party()),
            storage: Storage::open(&config.storage_url).map_err(|error| invalid(error.to_string()))?,
        })
    }
}

fn geocoder(url: &str, budget: Budget) -> io::Result<Option<Arc<dyn Geocoder>>> {
    if url.is_empty() {
        return Ok(None);
    }
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    Ok(Some(Arc::new(Ban::new(url, budget).map_err(invalid)?)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[tokio::test]
    async fn every_kind_has_a_handler() {
        let nowhere =
            ["--database-url", "postgres://nobody@127.0.0.1:1/none", "--redis-url", "redis://127.0.0.1:1"];
        let temporary = std::env::temp_dir().display().to_string();
        let folders = ["--mail-dir", &temporary, "--storage-url", &temporary];
        let config = Config::parse_from(["worker"].into_iter().chain(nowhere).chain(folders));
        let app = App::new(&config, Clock::default()).unwrap();
        let mut known: Vec<_> = handlers(app).kinds().collect();
        let mut kinds: Vec<_> = jobs::KINDS.iter().map(|policy| policy.kind).collect();
        known.sort_unstable();
        kinds.sort_unstable();
        assert_eq!(known, kinds);
    }
}

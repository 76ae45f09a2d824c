//! Runs the jobs. The engine knows no noun of the product; everything else here is handlers and outside services.

pub mod config;
pub mod engine;
pub mod geocoder;
pub mod mailer;

mod account_mail;
mod alert_operations;
mod alert_report;
mod alert_unfilled;
mod calendar;
mod cancel_cascade;
mod close_room;
mod conclude_booking;
mod digest_unread;
mod dispatch_wave;
mod enforce_account;
mod expire_booking;
mod expire_mission;
mod expire_site_invitation;
mod geocode_address;
mod geocode_mission;
mod lock_chat;
mod match_mission;
mod notify;
mod process_video_event;
mod purge;
mod rematch_open;
mod remind_booking;
mod request_password_reset;
mod send_mail;

use std::io;
use std::sync::Arc;

use domain::{Clock, Db};
use tokio_util::sync::CancellationToken;

pub use config::Config;
use engine::Handlers;
use geocoder::{Ban, Budget, Geocoder};
use jobs::schedule::SCHEDULE;
use livekit::LiveKit;
use mailer::Mailer;
use metrics_exporter_prometheus::PrometheusBuilder;

/// What handlers work with.
#[derive(Clone, Debug)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub mailer: Arc<Mailer>,
    /// Who is told of CRITICAL missions and of reported messages.
    pub alert_email: Option<String>,
    /// Who is asked where an address is; nobody, when none is configured.
    pub geocoder: Option<Arc<dyn Geocoder>>,
    /// Where video sessions are held; nowhere, when none is configured.
    pub livekit: Option<LiveKit>,
}

/// Every kind of job and who runs it.
pub fn handlers(app: App) -> Handlers<App> {
    Handlers::new(app)
        .on(alert_operations::run)
        .on(alert_report::run)
        .on(alert_unfilled::run)
        .on(cancel_cascade::run)
        .on(close_room::run)
        .on(conclude_booking::run)
        .on(digest_unread::run)
        .on(dispatch_wave::run)
        .on(enforce_account::run)
        .on(expire_booking::run)
        .on(expire_mission::run)
        .on(expire_site_invitation::run)
        .on(geocode_address::run)
        .on(geocode_mission::run)
        .on(lock_chat::run)
        .on_together(16, match_mission::run)
        .on(notify::run)
        .on(process_video_event::run)
        .on(purge::run)
        .on(rematch_open::run)
        .on(remind_booking::run)
        .on(request_password_reset::run)
        .on(send_mail::run)
}

/// One worker process, until `stop` is cancelled and what runs has ended.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> io::Result<()> {
    if !config.worker_metrics.is_empty() {
        let address: std::net::SocketAddr = config.worker_metrics.parse().map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("WORKER_METRICS: {error}"))
        })?;
        PrometheusBuilder::new().with_http_listener(address).install().map_err(io::Error::other)?;
    }
    let redis = domain::bus::connect(&config.redis_url).map_err(io::Error::other)?;
    let bus = domain::Bus::new(redis.clone(), &config.redis_prefix);
    let geocoder = geocoder(&config.geocoder_url, Budget::new(redis, bus.name("geocoder")))?;
    let db = Db::connect(&config.database_url, config.database_connections, bus).map_err(io::Error::other)?;
    let mailer = Arc::new(Mailer::new(&config.mail)?);
    let alert_email = Some(config.alert_email.clone()).filter(|address| !address.is_empty());
    let livekit = config.livekit.connect().map_err(io::Error::other)?;
    let app = App { db: db.clone(), clock: clock.clone(), mailer, alert_email, geocoder, livekit };
    let engine = engine::Config {
        slots: config.slots(),
        database_url: config.database_url,
        redis_url: config.redis_url,
        db,
        clock,
        handlers: handlers(app),
        crons: if config.worker_cron { SCHEDULE.to_vec() } else { Vec::new() },
        drain: std::time::Duration::from_secs(config.drain_seconds),
    };
    engine::run(engine, stop).await
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
    use super::*;

    #[tokio::test]
    async fn every_kind_has_a_handler() {
        let redis = domain::bus::connect("redis://127.0.0.1:1").unwrap();
        let db =
            Db::connect("postgres://nobody@127.0.0.1:1/none", 1, domain::Bus::new(redis, "test")).unwrap();
        let mailer = Arc::new(Mailer::new(&config::MailConfig::folder(std::env::temp_dir())).unwrap());
        let mut known: Vec<_> = handlers(App {
            db,
            clock: Clock::default(),
            mailer,
            alert_email: None,
            geocoder: None,
            livekit: None,
        })
        .kinds()
        .collect();
        let mut kinds: Vec<_> = jobs::KINDS.iter().map(|policy| policy.kind).collect();
        known.sort_unstable();
        kinds.sort_unstable();
        assert_eq!(known, kinds);
    }
}

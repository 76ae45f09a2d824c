//! The HTTP and WebSocket edge: extract, authorise, one call into the domain, enqueue, map to a wire type.

pub mod admin;
pub mod auth;
pub mod availability;
pub mod bank_transfers;
pub mod batcher;
pub mod billing;
pub mod bookings;
pub mod chorus;
pub mod config;
pub mod connect;
pub mod contracts;
pub mod conversations;
pub mod credentials;
pub mod dev_mailbox;
pub mod downloads;
pub mod error;
pub mod establishments;
pub mod exclusions;
pub mod explanation;
pub mod growth;
pub mod guard;
pub mod health;
pub mod hub;
pub mod idempotency;
pub mod invitations;
pub mod invoices;
pub mod live;
pub mod mail_suppressions;
pub mod mail_webhooks;
pub mod me;
pub mod members;
pub mod message_reports;
pub mod metrics;
pub mod missions;
pub mod notification_preferences;
pub mod notifications;
pub mod openapi;
pub mod operations;
pub mod password;
pub mod payments;
pub mod plans;
pub mod pressure;
pub mod professions;
pub mod profiles;
pub mod proofs;
pub mod push_subscriptions;
pub mod queues;
pub mod quotes;
pub mod rate_limit;
pub mod reviews;
pub mod services;
pub mod sessions;
pub mod signatures;
pub mod stripe_webhooks;
pub mod svix;
pub mod token;
pub mod video;
pub mod webhooks;
pub mod wire;

mod connection;
mod cors;
mod edge;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::{Bus, Clock, Db};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{EndpointExt, Route, Server, get};
use storage::Storage;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

pub use config::Config;

/// What endpoints work with.
#[derive(Clone, Debug)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub redis: redis::aio::ConnectionManager,
    pub passwords: password::Passwords,
    pub tokens: token::Tokens,
    pub limiter: rate_limit::Limiter,
    /// Where video sessions are held; nowhere, when none is configured.
    pub livekit: Option<livekit::LiveKit>,
    pub proxies: Arc<[ipnet::IpNet]>,
    pub origins: Arc<[String]>,
    pub hub: live::Hub,
    pub postbox: live::Postbox,
    pub stripe_events: stripe_webhooks::Intake,
    pub pressure: pressure::Pressure,
    pub header_timeout: Duration,
    pub frontend_url: Arc<str>,
    /// Who moves money; nobody, when none is configured.
    pub payments: Option<Arc<dyn stripe_connect::Payments>>,
    pub stripe_webhook_secrets: Arc<[String]>,
    pub stripe_is_live: bool,
    /// Where files rest.
    pub storage: Storage,
    /// Whether workers hand invoices to Chorus Pro.
    pub chorus: bool,
    pub resend_webhook_secrets: Arc<[Vec<u8>]>,
    /// The sandbox's mails, shown; never in production.
    pub dev_mailbox: Option<dev_mailbox::Mailbox>,
    /// Which devices workers reach.
    pub push: push::Services,
}

impl App {
    pub fn new(config: &Config, clock: Clock) -> io::Result<Self> {
        let redis = domain::bus::connect(&config.redis_url).map_err(io::Error::other)?;
        let bus = Bus::new(redis.clone(), &config.redis_prefix);
        let db =
            Db::connect(&config.database_url, config.database_connections, bus).map_err(io::Error::other)?;
        let payments = config.stripe.connect().map_err(io::Error::other)?;
        if payments.is_some() && config.stripe_webhook_secret.is_empty() {
            let missing = "STRIPE_WEBHOOK_SECRET is missing: nothing that is paid would be settled";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, missing));
        }
        Ok(Self {
            hub: live::Hub::start(
                db.clone(),
                &config.redis_url,
                Duration::from_secs(config.live_heartbeat_seconds),
            )
            .map_err(io::Error::other)?,
            postbox: live::Postbox::open(live::Messages { db: db.clone(), clock: clock.clone() }),
            stripe_events: stripe_webhooks::Intake::open(stripe_webhooks::Events {
                db: db.clone(),
                clock: clock.clone(),
            }),
            passwords: password::Passwords::new(),
            tokens: token::Tokens::new(&config.jwt_secret, &config.jwt_previous_secrets),
            livekit: config.livekit.connect().map_err(io::Error::other)?,
            limiter: rate_limit::Limiter::new(redis.clone(), &config.redis_prefix, config.rate_limit.clone()),
            pressure: pressure::Pressure::watch(db.clone(), clock.clone()),
            proxies: config.trusted_proxies.clone(),
            origins: config.cors_origins.clone(),
            header_timeout: config.header_timeout,
            frontend_url: config.frontend_url.trim_end_matches('/').into(),
            payments,
            stripe_webhook_secrets: config.stripe_webhook_secret.clone(),
            stripe_is_live: config.stripe.is_live(),
            storage: Storage::open(&config.storage_url)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
            chorus: !config.chorus_client_id.is_empty(),
            resend_webhook_secrets: config.resend_webhook_secret.clone(),
            dev_mailbox: dev_mailbox::Mailbox::open(config)?,
            push: config
                .push
                .connect()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
            db,
            clock,
            redis,
        })
    }
}

/// Every route. The platform's are plain, the product's are in the OpenAPI document.
pub fn routes(app: App) -> impl poem::IntoEndpoint {
    let operations = Arc::new(operations::Operations::of(openapi::Document::get()));
    let dev = app.dev_mailbox.clone();
    let api = dev_mailbox::mount(Route::new(), dev)
        .at("/api/v1/ws", get(live::socket::upgrade).head(live::socket::no_head))
        .at("/", get(health::ok))
        .at("/health/live", get(health::live))
        .at("/health/ready", get(health::ready))
        .at("/metrics", get(metrics::render))
        .nest_no_strip("/api/v1", openapi::service());
    openapi::mount(api).data(app.clone()).with(edge::Edge::new(app, operations))
}

/// Serves on the acceptor until `stop` is cancelled; requests in flight may finish, sockets are closed with 1012.
pub async fn serve<A>(acceptor: A, app: App, stop: CancellationToken) -> io::Result<()>
where
    A: Acceptor<Io = TcpStream> + 'static,
{
    let hub = app.hub.clone();
    let acceptor = connection::Guarded { inner: acceptor, patience: app.header_timeout, stop: stop.clone() };
    let stopping = {
        let (hub, stop) = (hub.clone(), stop.clone());
        async move {
            stop.cancelled().await;
            hub.close();
        }
    };
    let server = Server::new_with_acceptor(acceptor);
    let result =
        server.run_with_graceful_shutdown(routes(app), stopping, Some(Duration::from_secs(10))).await;
    hub.closed().await;
    result
}

/// One API process, until `stop` is cancelled.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> io::Result<()> {
    metrics::recorder();
    let app = App::new(&config, clock)?;
    let acceptor = TcpListener::bind((config.host.as_str(), config.port)).into_acceptor().await?;
    tracing::info!(host = config.host, port = config.port, "listening");
    serve(acceptor, app, stop).await
}

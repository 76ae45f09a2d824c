//! The platform, and people to use it.

use std::io;

use clap::Parser;
use domain::ids::UserId;
use domain::users::{NewUser, Role, Status};
use domain::{Clock, Db, sessions, users};
use poem::listener::{Acceptor, Listener, TcpListener};
use serde_json::json;
use tests::Client;
use tokio::sync::oneshot;

use crate::Outcome;
use crate::process::Serving;
use crate::servers::Place;

pub const SECRET: &str = "bench-bench-bench-bench-bench-bench";

const STRANGE: &str = "the temporary folder has a strange name";

/// One API without rate limits; returns its base URL as well.
pub async fn api(place: &Place) -> Outcome<(Serving, String)> {
    let files = place.files();
    let config = api::Config::try_parse_from([
        "api",
        "--database-url",
        &place.database_url,
        "--redis-url",
        &place.redis_url,
        "--redis-prefix",
        &place.prefix,
        "--jwt-secret",
        SECRET,
        "--stripe-webhook-secret",
        SECRET,
        "--rate-limit",
        "off",
        "--storage-url",
        files.to_str().ok_or(STRANGE)?,
    ])?;
    let (ready, port) = oneshot::channel();
    let serving = Serving::start("api", move |stop| async move {
        let app = api::App::new(&config, Clock::default())?;
        let acceptor = TcpListener::bind(("127.0.0.1", 0)).into_acceptor().await?;
        let address = acceptor.local_addr().first().and_then(|address| address.as_socket_addr().copied());
        let _ = ready.send(address.ok_or_else(|| io::Error::other("no address"))?.port());
        api::serve(acceptor, app, stop).await
    })?;
    let base = format!("http://127.0.0.1:{}", port.await?);
    Ok((serving, base))
}

/// A worker as it comes, with mails into a folder.
pub fn worker(place: &Place) -> Outcome<Serving> {
    worker_with(place, &[])
}

pub fn worker_with(place: &Place, settings: &[&str]) -> Outcome<Serving> {
    let (mails, files) = (place.mails(), place.files());
    let usual = [
        "worker",
        "--database-url",
        &place.database_url,
        "--redis-url",
        &place.redis_url,
        "--redis-prefix",
        &place.prefix,
        "--mail-dir",
        mails.to_str().ok_or(STRANGE)?,
        "--storage-url",
        files.to_str().ok_or(STRANGE)?,
    ];
    let config = workers::Config::try_parse_from([&usual[..], settings].concat())?;
    Serving::start("worker", move |stop| workers::run(config, Clock::default(), stop))
}

/// A verified account with a session, without the cost of a password.
pub async fn person(db: &Db, base: &str, name: &str, role: Role) -> Outcome<(UserId, Client)> {
    let now = Clock::default().now();
    let mut conn = db.conn().await?;
    let new = NewUser {
        email: format!("{name}@bench.example"),
        password_hash: "none".into(),
        role,
        status: Status::Verified,
        client_type: None,
        phone: None,
        first_name: Some("Zoé".into()),
        last_name: Some("Martin".into()),
        establishment_name: (role == Role::Client).then(|| format!("EHPAD {name}")),
        referrer_code: None,
    };
    let user = users::insert(&mut conn, new, now).await?.id;
    let expires_at = now + time::Duration::days(7);
    let session = sessions::NewSession { user, user_agent: None, ip: None, expires_at };
    let session = sessions::insert(&mut conn, session, now).await?;
    let token = api::token::Tokens::new(SECRET, &[]).access(user, session, now);
    let signed_in = json!({ "accessToken": token, "user": { "id": user.to_string() } });
    Ok((user, Client::new(base).signed_in(&signed_in)))
}

//! A platform of one's own: an API and a worker in this process, on a fresh database and a Redis prefix.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use clap::Parser;
use domain::{Bus, Clock, Db};
use jobs::ledger::{self, NewJob};
use poem::listener::{Acceptor, Listener, TcpListener};
use serde_json::{Value, json};
use sqlx::PgPool;
use tests::{Client, PATIENCE};
use time::{Duration, OffsetDateTime};
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use workers::engine::Handlers;

pub const JWT_SECRET: &str = "stories-stories-stories-stories-";
pub const PASSWORD: &str = "correct horse battery";
/// Of [`PASSWORD`] with weak parameters: seeding must be quick, and a login renews it.
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$nZlaovdHRBQmBmcadHdfKPLBr1U+btq0UJR0buCeEKM";

static NEXT: AtomicU32 = AtomicU32::new(0);
static TEMPLATE: OnceCell<()> = OnceCell::const_new();

pub struct World {
    pub database_url: String,
    pub redis_url: String,
    pub prefix: String,
    pub pool: PgPool,
    pub clock: Clock,
    pub base: String,
    /// Of which all clients are: to make one takes longer than most requests.
    stranger: Client,
    stop: CancellationToken,
    stop_workers: CancellationToken,
    running: Vec<JoinHandle<std::io::Result<()>>>,
    workers: Vec<JoinHandle<std::io::Result<()>>>,
}

fn server_url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set; run `make test`"))
}

/// The server's URL with another database.
fn database(name: &str) -> String {
    let server = server_url("DATABASE_URL");
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

async fn create_template() {
    let admin = PgPool::connect(&server_url("DATABASE_URL")).await.unwrap();
    let old: Vec<String> =
        sqlx::query_scalar("select datname from pg_database where datname like 'stories%'")
            .fetch_all(&admin)
            .await
            .unwrap();
    for name in old {
        let drop = format!("drop database if exists {name} with (force)");
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&admin).await.unwrap();
    }
    sqlx::query("create database stories").execute(&admin).await.unwrap();
    let template = PgPool::connect(&database("stories")).await.unwrap();
    domain::db::MIGRATOR.run(&template).await.unwrap();
    template.close().await;
}

impl World {
    /// A platform with an API and a worker.
    pub async fn new() -> Self {
        let mut world = Self::without_worker().await;
        world.start_worker();
        world
    }

    /// A platform whose jobs wait.
    pub async fn without_worker() -> Self {
        Self::with_api_settings(&[]).await
    }

    pub async fn with_api_settings(settings: &[&str]) -> Self {
        Self::on_clock(Clock::default(), settings).await
    }

    /// On a clock that others go by too.
    pub async fn on_clock(clock: Clock, settings: &[&str]) -> Self {
        TEMPLATE.get_or_init(create_template).await;
        let name = format!("stories_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = PgPool::connect(&server_url("DATABASE_URL")).await.unwrap();
        let create = format!("create database {name} template stories");
        sqlx::query(sqlx::AssertSqlSafe(create)).execute(&admin).await.unwrap();
        admin.close().await;
        let database_url = database(&name);
        let stop = CancellationToken::new();
        let mut world = Self {
            pool: PgPool::connect_lazy(&database_url).unwrap(),
            database_url,
            redis_url: server_url("REDIS_URL"),
            prefix: format!("{name}-{}", std::process::id()),
            clock,
            base: String::new(),
            stranger: Client::new(""),
            stop_workers: stop.child_token(),
            stop,
            running: Vec::new(),
            workers: Vec::new(),
        };
        world.base = world.start_api(settings).await;
        world
    }

    /// Starts another replica of the API and returns its base URL.
    pub async fn start_api(&mut self, settings: &[&str]) -> String {
        self.start_api_with_secret(JWT_SECRET, settings).await
    }

    /// Starts a replica that signs with another key.
    pub async fn start_api_with_secret(&mut self, secret: &str, settings: &[&str]) -> String {
        let files = self.files();
        let mut args = vec![
            "api",
            "--database-url",
            &self.database_url,
            "--redis-url",
            &self.redis_url,
            "--redis-prefix",
            &self.prefix,
            "--jwt-secret",
            secret,
            "--storage-url",
            files.to_str().unwrap(),
        ];
        if !settings.contains(&"--rate-limit") {
            args.extend(["--rate-limit", "off"]);
        }
        args.extend(settings);
        let config = api::Config::parse_from(args);
        let app = api::App::new(&config, self.clock.clone()).unwrap();
        let acceptor = TcpListener::bind(("127.0.0.1", 0)).into_acceptor().await.unwrap();
        let port = acceptor.local_addr()[0].as_socket_addr().unwrap().port();
        self.running.push(tokio::spawn(api::serve(acceptor, app, self.stop.clone())));
        format!("http://127.0.0.1:{port}")
    }

    /// Starts another worker.
    pub fn start_worker(&mut self) {
        // What comes back by the clock would come between a story and its end.
        self.start_worker_with(&["--worker-cron", "false"]);
    }

    pub fn start_worker_with(&mut self, settings: &[&str]) {
        self.start_shaped_worker(settings, |handlers| handlers);
    }

    /// Starts a worker whose runs are not quite as they come.
    pub fn start_shaped_worker(
        &mut self,
        settings: &[&str],
        shape: impl FnOnce(Handlers<workers::App>) -> Handlers<workers::App> + Send + 'static,
    ) {
        let config = self.worker_config(settings);
        let (clock, stop) = (self.clock.clone(), self.stop_workers.clone());
        self.workers.push(tokio::spawn(workers::run_with(config, clock, stop, shape)));
    }

    /// Ends the workers alone; others may be started.
    pub async fn stop_workers(&mut self) {
        std::mem::replace(&mut self.stop_workers, self.stop.child_token()).cancel();
        ended(self.workers.drain(..)).await;
    }

    pub fn worker_config(&self, settings: &[&str]) -> workers::Config {
        let (mails, files) = (self.mail_folder(), self.files());
        let mut args = vec![
            "worker",
            "--database-url",
            &self.database_url,
            "--redis-url",
            &self.redis_url,
            "--redis-prefix",
            &self.prefix,
            "--mail-dir",
            mails.to_str().unwrap(),
            "--storage-url",
            files.to_str().unwrap(),
        ];
        args.extend(settings);
        workers::Config::parse_from(args)
    }

    /// A binary of the platform, to be started in this world as an operator would.
    pub fn program(&self, name: &str) -> Command {
        let target = std::env::current_exe().unwrap();
        let binary = target.ancestors().nth(2).unwrap().join(name);
        assert!(
            binary.exists(),
            "{} is missing: run `cargo build --bins` first, or `make test`",
            binary.display()
        );
        let mut command = Command::new(binary);
        command
            .env("DATABASE_URL", &self.database_url)
            .env("REDIS_URL", &self.redis_url)
            .env("REDIS_PREFIX", &self.prefix)
            .env("JWT_SECRET", JWT_SECRET)
            .env("RATE_LIMIT", "off")
            .env("MAIL_DIR", self.mail_folder())
            .env("STORAGE_URL", self.files())
            .env_remove("SMTP_URL")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// For what a story does behind the routes.
    pub fn db(&self) -> Db {
        let redis = domain::bus::connect(&self.redis_url).unwrap();
        Db::connect(&self.database_url, 1, Bus::new(redis, &self.prefix)).unwrap()
    }

    /// A job that comes by the clock elsewhere.
    pub async fn enqueue(&self, job: NewJob) {
        let mut tx = self.db().begin().await.unwrap();
        ledger::enqueue(&mut tx, [job]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Where documents rest.
    pub fn files(&self) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("{}-files", self.prefix))
    }

    pub fn mail_folder(&self) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("{}-mails", self.prefix))
    }

    /// The mails that were sent, as text.
    pub fn mails(&self) -> Vec<String> {
        let folder = self.mail_folder();
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
    }

    pub fn anonymous(&self) -> Client {
        self.stranger.at(&self.base)
    }

    /// A row in `users` and a session, without the cost of a password.
    async fn person(&self, email: &str, role: &str, status: &str) -> Client {
        let new = domain::users::NewUser {
            email: email.to_owned(),
            password_hash: HASH.to_owned(),
            role: serde_json::from_value(json!(role)).unwrap(),
            status: serde_json::from_value(json!(status)).unwrap(),
            client_type: None,
            phone: None,
            first_name: Some("Zoé".into()),
            last_name: Some("Martin".into()),
            establishment_name: (role == "CLIENT").then(|| format!("EHPAD {email}")),
            referrer_code: None,
        };
        let now = self.clock.now();
        let mut conn = self.pool.acquire().await.unwrap();
        let user = domain::users::insert(&mut conn, new, now).await.unwrap();
        let session = domain::sessions::NewSession {
            user: user.id,
            user_agent: None,
            ip: None,
            expires_at: now + Duration::days(7),
        };
        let session = domain::sessions::insert(&mut conn, session, now).await.unwrap();
        let token = api::token::Tokens::new(JWT_SECRET, &[]).access(user.id, session, now);
        self.anonymous().signed_in(&json!({ "accessToken": token, "user": { "id": user.id.to_string() } }))
    }

    /// The same person, signed in again: a token does not outlive an advanced clock.
    pub async fn returning(&self, person: &Client) -> Client {
        let now = self.clock.now();
        let user = person.id.parse::<uuid::Uuid>().unwrap().into();
        let new = domain::sessions::NewSession {
            user,
            user_agent: None,
            ip: None,
            expires_at: now + Duration::days(7),
        };
        let mut conn = self.pool.acquire().await.unwrap();
        let session = domain::sessions::insert(&mut conn, new, now).await.unwrap();
        let token = api::token::Tokens::new(JWT_SECRET, &[]).access(user, session, now);
        self.anonymous().signed_in(&json!({ "accessToken": token, "user": { "id": person.id } }))
    }

    pub async fn admin(&self) -> Client {
        self.person("admin@example.org", "ADMIN", "VERIFIED").await
    }

    /// A verified client with an establishment.
    pub async fn client(&self, name: &str) -> Client {
        self.person(&format!("{name}@example.org"), "CLIENT", "VERIFIED").await
    }

    pub async fn pending(&self, name: &str, role: &str) -> Client {
        self.person(&format!("{name}@example.org"), role, "PENDING").await
    }

    /// A verified, compliant nurse in Paris, `km` kilometres north of the missions of [`mission`].
    pub async fn nurse(&self, name: &str, km: f64) -> Client {
        let nurse = self.person(&format!("{name}@example.org"), "TALENT", "VERIFIED").await;
        sqlx::query("update profiles set compliance_status = 'VALIDATED' where user_id = $1::uuid")
            .bind(&nurse.id)
            .execute(&self.pool)
            .await
            .unwrap();
        let profile = json!({
            "jobId": "ide", "city": "Paris", "latitude": 48.85 + km / 111.195, "longitude": 2.35,
            "specialties": ["Gériatrie"], "canDoNightShift": true, "hasDriverLicense": true,
        });
        nurse.patch("/api/v1/me/profile", profile).await.expect(200);
        nurse
    }

    /// Sets an account's status behind the platform's back, until there is a route for it.
    pub async fn set_status(&self, client: &Client, status: &str) {
        sqlx::query("update users set status = $2::user_status where id = $1::uuid")
            .bind(&client.id)
            .bind(status)
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// Waits until no due job is left, as long as some are being done.
    pub async fn drain(&self) {
        let left = "select count(*) filter (where state in ('waiting', 'dispatched', 'running')
                                              and run_at <= clock_timestamp() + make_interval(secs => $1)),
                           count(*) filter (where state = 'done') from jobs";
        let (mut done, mut since) = (0, Instant::now());
        loop {
            let ahead = self.clock.ahead().as_seconds_f64();
            let (due, so_far): (i64, i64) =
                sqlx::query_as(left).bind(ahead).fetch_one(&self.pool).await.unwrap();
            if due == 0 {
                return;
            }
            if so_far != done {
                (done, since) = (so_far, Instant::now());
            }
            if since.elapsed() > PATIENCE {
                let rows: Vec<(String, String, Value)> = sqlx::query_as(
                    "select kind, state::text, causes from jobs where state not in ('done', 'cancelled')",
                )
                .fetch_all(&self.pool)
                .await
                .unwrap();
                panic!("the queue does not drain: {rows:?}");
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// A count in the database.
    pub async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap()
    }

    /// Ends the platform once all that is due is done. Nothing may have died.
    pub async fn end(self) {
        self.drain().await;
        let dead: Vec<(String, Value)> = sqlx::query_as("select kind, causes from jobs where state = 'dead'")
            .fetch_all(&self.pool)
            .await
            .unwrap();
        assert!(dead.is_empty(), "died: {dead:?}");
        self.stop().await;
    }

    /// Ends the platform as a SIGTERM would.
    pub async fn stop(self) {
        self.stop.cancel();
        ended(self.running.into_iter().chain(self.workers)).await;
    }
}

async fn ended(tasks: impl IntoIterator<Item = JoinHandle<std::io::Result<()>>>) {
    for task in tasks {
        tokio::time::timeout(PATIENCE, task).await.expect("it stops in time").unwrap().unwrap();
    }
}

/// A mission for one nurse in Paris, tomorrow.
pub fn mission() -> Value {
    json!({
        "jobId": "ide", "hourlyRateCents": 2500, "city": "Paris", "postalCode": "75001",
        "latitude": 48.85, "longitude": 2.35, "specialties": ["geriatrie"],
        "startDate": rfc3339(tomorrow()),
    })
}

pub fn tomorrow() -> OffsetDateTime {
    Clock::default().now() + Duration::DAY
}

pub fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&time::format_description::well_known::Rfc3339).unwrap()
}

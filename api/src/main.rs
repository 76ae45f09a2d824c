use std::io;
use std::net::Ipv4Addr;

use clap::{Parser, Subcommand, ValueEnum};
use domain::users::{NewUser, Role, Status};
use domain::{Clock, process};
use sqlx::Connection;
use tokio_util::sync::CancellationToken;

/// SocioPulse's API.
#[derive(Debug, Parser)]
#[command(name = "sociopulse-api", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: process::Log,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve HTTP and WebSocket.
    Serve(Box<api::Config>),
    /// Bring the database up to this version.
    Migrate(Database),
    /// Print the OpenAPI document.
    Openapi {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Create the first admin; the password is read from standard input.
    CreateAdmin {
        #[arg(long)]
        email: String,
        #[command(flatten)]
        database: Database,
    },
    /// Ask a running API on this host whether it is ready; the exit status is the answer.
    Healthcheck {
        #[arg(long, env = "PORT", default_value_t = 4000)]
        port: u16,
    },
}

#[derive(Debug, clap::Args)]
struct Database {
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    #[default]
    Json,
    Yaml,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let cli = Cli::parse();
    let _telemetry = cli.log.start("sociopulse-api")?;
    match cli.command {
        Command::Serve(config) => {
            let stop = CancellationToken::new();
            tokio::spawn({
                let stop = stop.clone();
                async move {
                    process::terminated().await;
                    stop.cancel();
                }
            });
            api::run(*config, Clock::default(), stop).await
        }
        Command::Migrate(database) => {
            let mut conn = connect(&database).await?;
            domain::db::MIGRATOR.run(&mut conn).await.map_err(io::Error::other)
        }
        Command::Openapi { format } => {
            let document = api::openapi::Document::get();
            print!("{}", if matches!(format, Format::Json) { &document.json } else { &document.yaml });
            Ok(())
        }
        Command::CreateAdmin { email, database } => create_admin(email, &database).await,
        Command::Healthcheck { port } => healthcheck(port).await,
    }
}

async fn connect(database: &Database) -> io::Result<sqlx::PgConnection> {
    sqlx::PgConnection::connect(&database.database_url).await.map_err(io::Error::other)
}

async fn create_admin(email: String, database: &Database) -> io::Result<()> {
    let password = io::read_to_string(io::stdin())?;
    let password = password.trim_end_matches(['\r', '\n']);
    if !(8..=128).contains(&password.chars().count()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a password has 8 to 128 characters"));
    }
    let new = NewUser {
        email,
        password_hash: api::password::Passwords::new()
            .hash(password.to_owned())
            .await
            .map_err(io::Error::other)?,
        role: Role::Admin,
        status: Status::Verified,
        client_type: None,
        phone: None,
        first_name: None,
        last_name: None,
        establishment_name: None,
        referrer_code: None,
    };
    let mut conn = connect(database).await?;
    let mut tx = conn.begin().await.map_err(io::Error::other)?;
    let admin =
        domain::users::insert(&mut tx, new, Clock::default().now()).await.map_err(io::Error::other)?;
    tx.commit().await.map_err(io::Error::other)?;
    println!("{} {}", admin.id, admin.email);
    Ok(())
}

async fn healthcheck(port: u16) -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    match status.ends_with(b"200") {
        true => Ok(()),
        false => Err(io::Error::other(format!("not ready: {}", String::from_utf8_lossy(&status)))),
    }
}

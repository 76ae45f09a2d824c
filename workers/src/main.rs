use clap::Parser;
use domain::Clock;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let config = workers::Config::parse();
    let _telemetry = config.log.start("sociopulse-worker")?;
    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            domain::process::terminated().await;
            stop.cancel();
        }
    });
    workers::run(config, Clock::default(), stop).await
}

//! One request id and one trace lead from the click to the job: the real processes, their logs, and a collector of ours.

use std::path::Path;

use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{EndpointExt, Route, Server, handler, post, web::Data};
use serde_json::Value;
use tests::Client;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::world::{World, mission};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[handler]
async fn collect(body: Vec<u8>, bodies: Data<&mpsc::UnboundedSender<Vec<u8>>>) {
    let _ = bodies.send(body);
}

fn start(world: &World, name: &str, log: &Path, more: &[(&str, String)]) -> Child {
    let mut command = world.program(name);
    if name == "sociopulse-api" {
        command.arg("serve");
    }
    command
        .env("LOG_FORMAT", "json")
        .env("RUST_LOG", "info,api=debug,workers=debug")
        .envs(more.iter().map(|(key, value)| (*key, value)))
        .stderr(std::fs::File::create(log).unwrap())
        .spawn()
        .unwrap()
}

async fn stop(mut process: Child) {
    let id = process.id().unwrap().to_string();
    assert!(Command::new("kill").arg(id).status().await.unwrap().success());
    tokio::time::timeout(tests::PATIENCE, process.wait()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_click_can_be_followed_to_its_jobs() {
    let world = World::without_worker().await;
    let client = world.client("lilas").await;
    world.nurse("zoe", 1.0).await;
    let (sender, mut bodies) = mpsc::unbounded_channel::<Vec<u8>>();
    let acceptor = TcpListener::bind(("127.0.0.1", 0)).into_acceptor().await.unwrap();
    let collector = acceptor.local_addr()[0].as_socket_addr().unwrap().port();
    tokio::spawn(
        Server::new_with_acceptor(acceptor).run(Route::new().at("/v1/traces", post(collect)).data(sender)),
    );
    let free = || std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let (port, metrics) = (free(), free());
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{collector}")),
        ("PORT", port.to_string()),
        ("WORKER_METRICS", format!("127.0.0.1:{metrics}")),
    ];
    let folder = std::env::temp_dir();
    let logs = ["api", "worker"].map(|name| folder.join(format!("{}-{name}.log", world.prefix)));
    let api = start(&world, "sociopulse-api", &logs[0], &settings);
    let worker = start(&world, "sociopulse-worker", &logs[1], &settings);
    let client = client.at(&format!("http://127.0.0.1:{port}"));
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }

    let request = client.request(reqwest::Method::POST, "/api/v1/matching/missions").json(&mission());
    let request = request.header("x-request-id", "click-0000-0042");
    let request = request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"));
    client.send(request).await.expect(201);
    world.drain().await;
    let carried: Vec<String> = sqlx::query_scalar(
        "select kind from jobs where request_id = 'click-0000-0042' and substr(traceparent, 4, 32) = $1 order by kind",
    )
    .bind(TRACE)
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert!(
        carried.contains(&"match-mission".into()) && carried.contains(&"send-mail".into()),
        "{carried:?}"
    );
    let counted = Client::new(&format!("http://127.0.0.1:{metrics}")).get("/metrics").await;
    let counted = counted.body.as_str().unwrap_or_default().to_owned();
    assert!(counted.contains("jobs_finished_total{kind=\"match-mission\",outcome=\"done\"} 1"), "{counted}");
    assert!(counted.contains("job_wait_seconds"), "{counted}");

    stop(api).await;
    stop(worker).await;
    let mut seen = Vec::new();
    while let Ok(body) = bodies.try_recv() {
        seen.extend(body);
    }
    let contains = |needle: &[u8]| seen.windows(needle.len()).any(|window| window == needle);
    let trace: Vec<u8> =
        (0..32).step_by(2).map(|i| u8::from_str_radix(&TRACE[i..i + 2], 16).unwrap()).collect();
    for needle in [&trace[..], b"sociopulse-api", b"sociopulse-worker", b"match-mission"] {
        assert!(contains(needle), "{}", String::from_utf8_lossy(needle));
    }
    for log in &logs {
        let text = std::fs::read_to_string(log).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().any(|line| line["span"]["request_id"] == "click-0000-0042"), "{text}");
        std::fs::remove_file(log).unwrap();
    }
    world.end().await;
}

//! Jobs of a kind that share a run: done together, and each for itself when one of them is bad.

use jobs::ledger::{Job, JobState, NewJob, Policy};
use serde::{Deserialize, Serialize};
use serde_json::json;
use workers::engine::{JobError, JobResult, Part, Run};

use super::{Bench, Lab, QUEUE};
use crate::world::{World, mission};

/// Up to eight in one run.
#[derive(Serialize, Deserialize)]
pub(super) struct Crowd {
    n: i64,
    act: CrowdAct,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum CrowdAct {
    Work,
    Fail,
    Panic,
    /// Has its job taken away before the end.
    Lose,
}

impl Job for Crowd {
    const POLICY: Policy = Policy::new("crowd-probe", QUEUE).attempts(1);
}

/// Tells how many came together; inserts a row for each.
pub(super) async fn crowd(jobs: Vec<Part<Crowd>>, run: Run<Lab>) -> JobResult {
    let _ = run.app.started.send(jobs.len() as i64);
    let mut tx = run.begin().await?;
    for Part { job, .. } in &jobs {
        sqlx::query("insert into effects (n) values ($1)").bind(job.n).execute(&mut *tx).await?;
        match job.act {
            CrowdAct::Work => {}
            CrowdAct::Fail => return Err(JobError::Retry("as told".into())),
            CrowdAct::Panic => panic!("as told"),
            CrowdAct::Lose => {
                let taken = "update jobs set token = gen_random_uuid() where body->'job'->>'n' = $1::text";
                sqlx::query(taken).bind(job.n).execute(&mut *tx).await?;
            }
        }
    }
    run.done(tx).await
}

impl Bench {
    async fn crowd(&self, acts: &[CrowdAct]) {
        let jobs = acts.iter().zip(0..).map(|(act, n)| NewJob::of(&Crowd { n, act: *act }));
        self.enqueue(jobs.collect::<Vec<_>>()).await;
    }

    fn runs(&mut self) -> Vec<i64> {
        std::iter::from_fn(|| self.started.try_recv().ok()).collect()
    }
}

#[tokio::test]
async fn what_waits_is_done_together() {
    let mut bench = Bench::new().await;
    bench.crowd(&[CrowdAct::Work; 20]).await;
    bench.start(32);
    bench.world.drain().await;
    bench.assert_effects(20).await;
    let runs = bench.runs();
    assert_eq!(runs.iter().sum::<i64>(), 20);
    assert!(runs.len() < 20 && runs.iter().all(|jobs| *jobs <= 8), "{runs:?}");
    assert_eq!(bench.world.count("select count(*) from jobs where state = 'done' and attempt = 1").await, 20);
    bench.end().await;
}

#[tokio::test]
async fn a_bad_job_costs_its_neighbours_nothing() {
    for bad in [CrowdAct::Fail, CrowdAct::Panic] {
        let mut bench = Bench::new().await;
        bench.crowd(&[CrowdAct::Work, CrowdAct::Work, bad, CrowdAct::Work, CrowdAct::Work]).await;
        bench.start(8);
        bench.world.drain().await;
        bench.assert_effects(4).await;
        // The only attempt of each was its own.
        assert_eq!(bench.runs(), [5, 1, 1, 1, 1, 1]);
        let done = "select count(*) from jobs where state = 'done' and attempt = 1 and causes = '[]'";
        assert_eq!(bench.world.count(done).await, 4);
        let dead = bench.job_when(|job| job.state == JobState::Dead || job.state == JobState::Done).await;
        assert_eq!(bench.world.count("select count(*) from jobs where state = 'dead'").await, 1, "{dead:?}");
        bench.end().await;
    }
}

#[tokio::test]
async fn an_unreadable_job_dies_alone_also_among_others() {
    let mut bench = Bench::new().await;
    bench.crowd(&[CrowdAct::Work; 3]).await;
    sqlx::query("update jobs set body = $1 where body->'job'->>'n' = '1'")
        .bind(json!({ "version": 9 }))
        .execute(&bench.world.pool)
        .await
        .unwrap();
    bench.start(8);
    bench.world.drain().await;
    bench.assert_effects(2).await;
    let dead = "select count(*) from jobs where state = 'dead' and causes::text like '%unreadable body%'";
    assert_eq!(bench.world.count(dead).await, 1);
    bench.end().await;
}

#[tokio::test]
async fn a_job_that_is_taken_away_takes_nothing_with_it() {
    let mut bench = Bench::new().await;
    bench.crowd(&[CrowdAct::Work, CrowdAct::Lose, CrowdAct::Work]).await;
    bench.start(8);
    assert_eq!(bench.started.recv().await, Some(3));
    while bench.world.count("select count(*) from jobs where state = 'done'").await < 2 {
        bench.started.recv().await;
    }
    // The rows of those that are done; what the loser did was rolled back with its run.
    let others = "select count(*) from effects where n in (0, 2)";
    assert_eq!(bench.world.count(others).await, 2);
    assert_eq!(bench.world.count("select count(*) from effects").await, 2);
    bench.stop_engines().await;
    bench.world.stop().await;
}

#[tokio::test]
async fn missions_that_are_matched_together_keep_their_own_requests() {
    let mut world = World::without_worker().await;
    let client = world.client("lilas").await;
    for n in 0..3 {
        world.nurse(&format!("nurse-{n}"), f64::from(n)).await;
    }
    let mut posted = Vec::new();
    for n in 0..5 {
        let request = client.request(reqwest::Method::POST, "/api/v1/matching/missions");
        let request = request.header("x-request-id", format!("click-0000-{n:04}")).json(&mission());
        posted.push(client.send(request).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    world.start_worker();
    world.drain().await;
    for (n, mission) in posted.iter().enumerate() {
        let matches = client.get(&format!("/api/v1/matching/missions/{mission}/matches")).await.expect(200);
        assert_eq!(matches["items"].as_array().unwrap().len(), 3);
        let mails = sqlx::query_scalar::<_, i64>(
            "select count(*) from jobs j join notifications n on n.id::text = j.body->'job'->'mail'->>'notificationId'
              where j.kind = 'send-mail' and j.request_id = $1 and n.data->>'missionId' = $2",
        );
        let mails = mails.bind(format!("click-0000-{n:04}")).bind(mission).fetch_one(&world.pool);
        assert_eq!(mails.await.unwrap(), 3);
    }
    world.end().await;
}

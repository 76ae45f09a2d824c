//! What a mail server answers, and what becomes of the mail: tried again, waited for, or given up.

use jobs::ledger::NewJob;
use jobs::{Mail, SendMail};
use serde_json::Value;

use crate::mail_server::{MailServer, Mood, Step, wait_for_the_post};
use crate::world::World;

/// A mail that is about no mission, and no matter of safety.
pub async fn write(world: &World, to: &tests::Client) {
    let to = to.id.parse::<uuid::Uuid>().unwrap().into();
    world.enqueue(NewJob::of(&SendMail { to, mail: Mail::AccountUnbanned })).await;
}

/// State, starts and causes of the only mail.
async fn job(world: &World) -> (String, i32, Value) {
    let job = "select state::text, attempt, causes from jobs where kind = 'send-mail'";
    sqlx::query_as(job).fetch_one(&world.pool).await.unwrap()
}

async fn closed(world: &World) -> i64 {
    world.count("select count(*) from mail_suppressions where lifted_at is null").await
}

/// Until the mail has failed this often.
async fn failed(world: &World, times: i64) {
    let failed = "select jsonb_array_length(causes)::bigint from jobs where kind = 'send-mail'";
    while world.count(failed).await < times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn not_now_is_tried_again_and_sent_once() {
    for (step, line) in [
        (Step::Mail, "421 4.3.2 shutting down"),
        (Step::Rcpt, "450 4.2.1 greylisted"),
        (Step::Rcpt, "451 4.7.1 not now"),
        (Step::Taken, "452 4.3.1 no space left"),
        // Ours to mend, and everybody's the same.
        (Step::Mail, "530 5.7.0 authentication required"),
        (Step::Mail, "550 5.7.1 this sender is not yours"),
    ] {
        let server = MailServer::start(Mood::Says(step, line)).await;
        let world = server.world().await;
        let client = world.client("lilas").await;
        write(&world, &client).await;
        failed(&world, 1).await;
        server.set(Mood::Takes);
        wait_for_the_post(&world).await;
        let (state, attempt, causes) = job(&world).await;
        assert!(state == "done" && attempt >= 2, "{line}: {state} {attempt}");
        assert!(causes[0]["error"].as_str().unwrap().contains(&line[..3]), "{line}: {causes}");
        assert_eq!((server.letters().len(), closed(&world).await), (1, 0), "{line}");
        world.end().await;
    }
}

#[tokio::test]
async fn a_server_that_is_away_costs_no_attempt() {
    for line in ["421 4.3.2 too busy", "554 5.3.2 no service here", "535 who are you"] {
        let server = MailServer::start(Mood::Says(Step::Greeting, line)).await;
        let world = server.world().await;
        let client = world.client("lilas").await;
        write(&world, &client).await;
        // Whatever is put off is due at once; a minute later somebody knocks again.
        failed(&world, 1).await;
        for times in 2..=4 {
            world.clock.advance(time::Duration::minutes(2));
            failed(&world, times).await;
        }
        let counted = "select count(*) from jobs where kind = 'send-mail' and attempt > 1";
        assert_eq!(world.count(counted).await, 0, "{line}");
        server.set(Mood::Takes);
        wait_for_the_post(&world).await;
        let (state, attempt, causes) = job(&world).await;
        assert_eq!((state.as_str(), attempt, server.letters().len()), ("done", 1, 1), "{line}: {causes}");
        assert_eq!(closed(&world).await, 0);
        world.end().await;
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_at_once_and_closes_only_the_addresses_that_are_at_fault() {
    for (step, line, closes) in [
        (Step::Rcpt, "550 5.1.1 nobody of that name", 1),
        (Step::Rcpt, "551 not local", 1),
        (Step::Rcpt, "553 5.1.3 no such address", 1),
        (Step::Rcpt, "554 5.2.1 mailbox disabled", 1),
        (Step::Taken, "550 5.1.1 nobody of that name", 1),
        (Step::Rcpt, "554 5.7.1 relay access denied", 0),
        (Step::Taken, "554 5.7.1 looks like spam", 0),
        (Step::Taken, "552 5.3.4 too large", 0),
        (Step::Mail, "552 5.3.4 too large", 0),
    ] {
        let server = MailServer::start(Mood::Says(step, line)).await;
        let world = server.world().await;
        let client = world.client("lilas").await;
        write(&world, &client).await;
        world.drain().await;
        let (state, attempt, causes) = job(&world).await;
        assert_eq!((state.as_str(), attempt), ("dead", 1), "{line}: {causes}");
        assert_eq!((server.letters().len(), closed(&world).await), (0, closes), "{line}");
        world.stop().await;
    }
}

#[tokio::test]
async fn mails_share_connections() {
    let server = MailServer::start(Mood::Takes).await;
    let world = server.world().await;
    let client = world.client("lilas").await;
    for n in 1..=5 {
        write(&world, &client).await;
        world.drain().await;
        assert_eq!((server.letters().len(), server.connections()), (n, 1));
    }
    world.end().await;
}

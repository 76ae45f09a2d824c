//! What nobody needs any more is deleted, and nothing else.

use jobs::Purge;
use jobs::ledger::{Job, NewJob};
use jobs::purge::Stale;
use serde_json::json;

use crate::money::Money;
use crate::world::World;

/// Rows of each table: an old one and a fresh one. `$1` is a user.
const ROWS: [&str; 10] = [
    "insert into jobs (id, kind, queue, priority, body, run_at, state, finished_at)
     select gen_random_uuid(), 'old', 'default', 1, '{}', now(), 'done', now() - age from ages where $1::uuid is not null",
    "insert into feed_events select $1::uuid, 100 + row_number() over (), 'old', '{}', now() - age from ages",
    "insert into notifications (id, user_id, type, data, cause, created_at, read_at)
     select gen_random_uuid(), $1::uuid, 'OLD', '{}', age::text, now() - age, now() - age from ages",
    "insert into places (question, answered_at)
     select sha256(age::text::bytea), now() - age from ages where $1::uuid is not null",
    "insert into idempotency_keys (user_id, operation, key, fingerprint, created_at)
     select $1::uuid, 'old', age::text, '', now() - age from ages",
    "insert into auth_tokens (hash, user_id, purpose, created_at, expires_at)
     select sha256(age::text::bytea), $1::uuid, 'VERIFY_EMAIL', now() - age, now() - age from ages",
    "insert into video_events (id, event, occurred_at, received_at)
     select age::text, 'old', now() - age, now() - age from ages where $1::uuid is not null",
    "with contract as (
         insert into contracts (id, reference, kind, client_id, talent_id, title, amount_cents, lines, vat, parties, terms,
                                terms_sha256, issued_at, sign_by)
         values (gen_random_uuid(), 'old', 'FRAMEWORK', $1::uuid, $1::uuid, 'old', 0, '[]', '[]', '{}', '', repeat('0', 64), now(),
                 now())
         returning id)
     insert into signature_codes (id, contract_id, signer_id, side, requested_at, expires_at, closed_at)
     select gen_random_uuid(), id, $1::uuid, 'CLIENT', now() - age, now() - age, now() from ages, contract",
    "insert into stripe_events (id, type, created_at, payload, received_at)
     select age::text, 'old', now() - age, '{}', now() - age from ages where $1::uuid is not null",
    "insert into known_networks (user_id, network, seen_at) select $1::uuid, age::text, now() - age from ages",
];

const COUNTS: [&str; 11] = [
    "select count(*) from jobs where kind = 'old'",
    "select count(*) from feed_events where event = 'old'",
    "select count(*) from notifications",
    "select count(*) from places",
    "select count(*) from idempotency_keys",
    "select count(*) from auth_tokens",
    "select count(*) from video_events",
    "select count(*) from signature_codes",
    "select count(*) from stripe_events",
    "select count(*) from known_networks",
    "select count(*) from sessions",
];

#[tokio::test]
async fn stale_rows_go_and_fresh_ones_stay() {
    let mut world = World::without_worker().await;
    let client = world.client("lilas").await;
    sqlx::query("create table ages as select unnest(array['100 days', '1 hour']::interval[]) as age")
        .execute(&world.pool)
        .await
        .unwrap();
    for row in ROWS {
        sqlx::query(row).bind(&client.id).execute(&world.pool).await.unwrap();
    }
    world.returning(&client).await;
    sqlx::query("update sessions set expires_at = now() - interval '100 days' where id = (select min(id::text)::uuid from sessions)")
        .execute(&world.pool)
        .await
        .unwrap();
    for count in COUNTS {
        assert_eq!(world.count(count).await, 2, "{count}");
    }

    let lines: Vec<_> = jobs::schedule::SCHEDULE.iter().map(|line| (line.job)()).collect();
    let all = [
        Stale::Jobs,
        Stale::Feeds,
        Stale::Notifications,
        Stale::Places,
        Stale::Answers,
        Stale::Links,
        Stale::Codes,
        Stale::Sessions,
        Stale::VideoEvents,
        Stale::StripeEvents,
        Stale::Networks,
    ];
    assert!(lines.len() >= all.len(), "each is on the schedule");
    let redis = domain::bus::connect(&world.redis_url).unwrap();
    let db = domain::Db::connect(&world.database_url, 2, domain::Bus::new(redis, &world.prefix)).unwrap();
    let mut tx = db.begin().await.unwrap();
    jobs::ledger::enqueue(&mut tx, all.map(|stale| NewJob::of(&Purge { stale }))).await.unwrap();
    tx.commit().await.unwrap();
    world.start_worker();
    world.drain().await;
    for count in COUNTS {
        assert_eq!(world.count(count).await, 1, "{count}");
    }

    // Once more, nothing is left to delete.
    sqlx::query("update jobs set state = 'waiting', attempt = 0 where state = 'done' and kind = $1")
        .bind(Purge::POLICY.kind)
        .execute(&world.pool)
        .await
        .unwrap();
    world.drain().await;
    for count in COUNTS {
        assert_eq!(world.count(count).await, 1, "{count}");
    }
    assert_eq!(json!(Stale::Places), "places");
    world.end().await;
}

#[tokio::test]
async fn what_stripe_told_stays_until_it_was_acted_on() {
    let money = Money::new().await;
    let mission = money.signed().await;
    let payment = money.intent(&mission).await;
    let intent = money.intent_of(&payment).await;
    let rows =
        [("of-the-intent", json!({ "id": intent })), ("of-its-charge", json!({ "payment_intent": intent }))];
    let rows = rows.into_iter().chain(["waiting", "dead", "done", "of-nobody"].map(|id| (id, json!({}))));
    for (id, object) in rows {
        sqlx::query(
            "insert into stripe_events (id, type, created_at, payload, received_at)
             values ($1, 'old', now() - interval '91 days', $2, now())",
        )
        .bind(id)
        .bind(json!({ "data": { "object": object } }))
        .execute(&money.world.pool)
        .await
        .unwrap();
    }
    sqlx::query(
        "insert into jobs (id, kind, queue, priority, body, run_at, state, unique_key, finished_at)
         select gen_random_uuid(), 'old', 'default', 1, '{}', now() + interval '1 day', state::job_state, 'settle-payment:' || state,
                case when state <> 'waiting' then now() end
           from unnest(array['waiting', 'dead', 'done']) as state",
    )
    .execute(&money.world.pool)
    .await
    .unwrap();
    let left = "select array_agg(id order by id) from stripe_events where type = 'old'";
    for (settled, expected) in
        [(false, vec!["dead", "of-its-charge", "of-the-intent", "waiting"]), (true, vec!["dead", "waiting"])]
    {
        if settled {
            money.stripe.pay(&intent);
            money.drain().await;
        }
        money.world.enqueue(NewJob::of(&Purge { stale: Stale::StripeEvents })).await;
        money.world.drain().await;
        let left: Vec<String> = sqlx::query_scalar(left).fetch_one(&money.world.pool).await.unwrap();
        assert_eq!(left, expected);
    }
    money.world.stop().await;
}

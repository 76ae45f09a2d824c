//! Reminders of a mission that is ahead: a day and two hours before it, to both sides, and to nobody who has nothing to do with it
//! any more.

use jobs::{Job, RemindMission};
use serde_json::json;
use tests::Client;
use time::{Date, Duration, Month, OffsetDateTime, Weekday};

use super::{Shift, hub, start_of};
use crate::contracts::{again, assigned, told};
use crate::world::{World, mission, rfc3339};

/// Notifications of tomorrow and of two hours, each with its mails.
async fn reminded(world: &World, person: &Client) -> [(usize, usize); 2] {
    [
        told(world, person, "MISSION_TOMORROW", "Votre mission approche").await,
        told(world, person, "MISSION_SOON", "Votre mission commence bientôt").await,
    ]
}

/// A mission that a nurse has accepted, and that begins at this time.
async fn at(start: OffsetDateTime, world: World) -> Shift {
    let (client, nurse) = (world.client("lilas").await, world.nurse("nadia", 1.0).await);
    let mut body = mission();
    body["startDate"] = json!(rfc3339(start));
    let mission = assigned(&world, &client, &nurse, body).await;
    let start = start_of(&client, &mission).await;
    Shift { world, client, nurse, mission, start }
}

/// The last Sunday of a month of next year: the clocks change at one o'clock UTC.
fn change(now: OffsetDateTime, month: Month) -> OffsetDateTime {
    let last = Date::from_calendar_date(now.year() + 1, month, 31).unwrap();
    let sunday = if last.weekday() == Weekday::Sunday { last } else { last.prev_occurrence(Weekday::Sunday) };
    sunday.with_hms(1, 0, 0).unwrap().assume_utc()
}

#[tokio::test]
async fn both_are_reminded_a_day_and_two_hours_before_also_when_the_clocks_change_between() {
    for month in [Month::March, Month::October] {
        let world = World::new().await;
        let changed_at = change(world.clock.now(), month);
        let clocks = |at| domain::paris::time_of_day(at, "fr");
        assert_ne!(clocks(changed_at - Duration::DAY), clocks(changed_at), "a day of another length");
        world.clock.advance(changed_at - Duration::days(3) - world.clock.now());
        let mut shift = at(changed_at + Duration::hours(6), world).await;
        shift.wait_until(shift.start - Duration::DAY - Duration::MINUTE).await;
        for person in [&shift.client, &shift.nurse] {
            assert_eq!(reminded(&shift.world, person).await, [(0, 0), (0, 0)]);
        }
        shift.pass(Duration::minutes(2)).await;
        for person in [&shift.client, &shift.nurse] {
            assert_eq!(reminded(&shift.world, person).await, [(1, 1), (0, 0)]);
        }
        shift.wait_until(shift.start - Duration::minutes(119)).await;
        again(&shift.world, RemindMission::POLICY.kind).await;
        for person in [&shift.client, &shift.nurse] {
            assert_eq!(reminded(&shift.world, person).await, [(1, 1), (1, 1)]);
        }
        shift.world.end().await;
    }
}

#[tokio::test]
async fn who_has_left_and_what_was_called_off_is_not_reminded_of() {
    let world = World::new().await;
    let start = world.clock.now() + Duration::days(3);
    let mut shift = at(start, world).await;
    let second = shift.world.nurse("nora", 2.0).await;
    let path = |what: &str| format!("{}/{}/{what}", super::MISSIONS, shift.mission);
    shift.nurse.post(&path("withdraw"), json!({})).await.expect(200);
    shift.world.drain().await;
    super::accept(&second).await;
    shift.wait_until(shift.start - Duration::hours(23)).await;
    let second = shift.world.returning(&second).await;
    assert_eq!(reminded(&shift.world, &shift.nurse).await, [(0, 0), (0, 0)]);
    assert_eq!(reminded(&shift.world, &second).await, [(1, 1), (0, 0)]);
    assert_eq!(reminded(&shift.world, &shift.client).await, [(1, 1), (0, 0)]);
    let cancel = format!("{}/{}/cancel", super::MISSIONS, shift.mission);
    shift.client.post(&cancel, json!({ "reason": "Erreur" })).await.expect(200);
    shift.wait_until(shift.start - Duration::HOUR).await;
    assert_eq!(reminded(&shift.world, &shift.client).await, [(1, 1), (0, 0)]);

    // Nor of another start than the mission has, though no route moves one that somebody has accepted.
    shift.next().await;
    let moved =
        "update jobs set body = jsonb_set(body, '{job,startDate}', to_jsonb('2026-01-01T08:00:00Z'::text))
                  where kind = 'remind-mission' and state = 'waiting'";
    assert_eq!(sqlx::query(moved).execute(&shift.world.pool).await.unwrap().rows_affected(), 1);
    shift.wait_until(shift.start - Duration::minutes(119)).await;
    assert_eq!(reminded(&shift.world, &shift.client).await, [(1, 1), (0, 0)]);
    shift.world.end().await;
}

#[tokio::test]
async fn a_client_is_reminded_once_of_all_its_talents_and_nobody_of_what_is_too_near() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurses = [world.nurse("nadia", 1.0).await, world.nurse("nora", 2.0).await];
    // A day ahead when it was posted, less when it was accepted: the day before is over.
    let mission = super::shared(&world, &client, &nurses).await;
    let timers = "select count(*) from jobs where kind = 'remind-mission'";
    assert_eq!(world.count(timers).await, 2);
    let start = start_of(&client, &mission).await;
    world.clock.advance(start - Duration::minutes(119) - world.clock.now());
    world.drain().await;
    for person in [&client, &nurses[0], &nurses[1]] {
        let person = world.returning(person).await;
        assert_eq!(reminded(&world, &person).await, [(0, 0), (1, 1)]);
    }
    world.end().await;
}

#[tokio::test]
async fn both_are_asked_how_it_was_an_hour_after_the_report() {
    let mut shift = Shift::assigned().await;
    shift.begin().await;
    shift.report(480).await;
    let asked = async |shift: &Shift, count| {
        for person in [&shift.client, &shift.nurse] {
            assert_eq!(
                told(&shift.world, person, "REVIEW_REQUESTED", "Votre avis compte").await,
                (count, count)
            );
        }
    };
    shift.pass(Duration::minutes(59)).await;
    asked(&shift, 0).await;
    shift
        .client
        .post(&hub(&shift.mission, "report/contest"), json!({ "reason": "Partie à midi" }))
        .await
        .expect(200);
    shift.pass(Duration::minutes(2)).await;
    asked(&shift, 1).await;
    again(&shift.world, "request-review").await;
    asked(&shift, 1).await;
    shift.world.end().await;
}

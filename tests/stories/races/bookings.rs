//! One talent in two minds, and one mission that changes while people are looked for.

use domain::assignments::{self, Way};
use domain::ids::{MissionId, UserId};
use domain::{Bus, Db, missions};
use futures_util::future::join_all;
use serde_json::json;
use time::Duration;
use tokio::join;

use super::{Arena, MISSIONS, NOT_OPEN, ROUNDS, granted, invitation};
use crate::world::{World, mission, rfc3339, tomorrow};

#[tokio::test]
async fn one_talent_accepts_missions_of_the_same_time_at_the_same_time() {
    let mut arena = Arena::new(1).await;
    let other = arena.world.client("roses").await;
    for _ in 0..ROUNDS {
        let mut prizes = Vec::new();
        arena.week += 1;
        for client in [&arena.client, &other].repeat(3) {
            prizes.push((arena.post_as(client, 1).await, client));
        }
        let answers = join_all(prizes.iter().map(|(prize, _)| arena.accept(prize, 0))).await;
        let booked = [(409, "TALENT_ALREADY_BOOKED")];
        assert_eq!(answers.into_iter().filter(|answer| granted(answer, &booked)).count(), 1);
        let mut taken = 0;
        for (prize, client) in &prizes {
            taken += u8::from(arena.sound(prize, client).await["status"] == "ASSIGNED");
        }
        assert_eq!(taken, 1);
    }
    arena.world.end().await;
}

/// The same without the distance of HTTP between them: two that write in the same instant would each wait for the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acceptances_of_one_talent_wait_in_line() {
    let mut arena = Arena::new(1).await;
    arena.week += 1;
    let talent: UserId = arena.nurses[0].id.parse::<uuid::Uuid>().unwrap().into();
    let bus = Bus::new(domain::bus::connect(&arena.world.redis_url).unwrap(), &arena.world.prefix);
    let db = Db::connect(&arena.world.database_url, 4, bus).unwrap();
    let now = arena.world.clock.now();
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let mission: MissionId =
            arena.post_as(&arena.client, 1).await.id.parse::<uuid::Uuid>().unwrap().into();
        let db = db.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..50 {
                let mut tx = db.begin().await.unwrap();
                let locked = missions::lock(&mut tx, mission).await.unwrap();
                // Never committed: the place stays free for the next try.
                match assignments::assign(&mut tx, locked, talent, Way::Invitation, now).await {
                    Ok(_) | Err(domain::error::Error::Conflict { code: "TALENT_ALREADY_BOOKED", .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    arena.world.end().await;
}

#[tokio::test]
async fn one_talent_accepts_and_declines_at_once() {
    let mut arena = Arena::new(1).await;
    for _ in 0..ROUNDS {
        let prize = arena.post(1).await;
        let decline = format!("{}/decline", prize.invitations[0]);
        let (came, declined) = join!(arena.accept(&prize, 0), arena.nurses[0].act(&decline));
        let came = granted(&came, &[(409, "INVITATION_DECLINED")]);
        assert_ne!(came, granted(&declined, &[(409, "INVITATION_ACCEPTED")]), "one of the two");
        let seen = arena.sound(&prize, &arena.client).await;
        assert_eq!(seen["status"], if came { "ASSIGNED" } else { "OPEN" });
        arena.assert_confirmed(&prize, if came { &[0] } else { &[] }).await;
    }
    arena.world.end().await;
}

#[tokio::test]
async fn one_talent_withdraws_an_application_while_it_is_accepted() {
    let mut arena = Arena::new(1).await;
    for _ in 0..ROUNDS {
        let prize = arena.post(1).await;
        arena.nurses[0].act(&format!("{}/decline", prize.invitations[0])).await.expect(200);
        let application = arena.apply(&prize, 0).await;
        let (accept, withdraw) = (format!("{application}/accept"), format!("{application}/withdraw"));
        let (chosen, withdrawn) =
            join!(arena.client.post(&accept, json!({})), arena.nurses[0].act(&withdraw));
        let answered = [(409, "APPLICATION_NOT_PENDING"), NOT_OPEN];
        let chosen = granted(&chosen, &answered);
        assert_ne!(chosen, granted(&withdrawn, &answered), "one of the two");
        arena.world.drain().await;
        let seen = arena.client.get(&prize.path).await.expect(200);
        assert_eq!(seen["filled"], u8::from(chosen));
        arena.assert_confirmed(&prize, if chosen { &[0] } else { &[] }).await;
    }
    arena.world.end().await;
}

/// Nurses within 5 km, and as many beyond.
const NEAR: usize = 5;

/// Missions that shrink to 5 km while their jobs run: in the end those near are invited, and nobody else.
async fn shrink(while_waves_go_out: bool) {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let mut nurses = Vec::new();
    for n in 0..2 * NEAR {
        let km = if n < NEAR { 1.0 } else { 15.0 } + n as f64 / 10.0;
        nurses.push(world.nurse(&format!("nurse-{n}"), km).await);
    }
    let mut missions = Vec::new();
    for week in 0..ROUNDS {
        let mut body = mission();
        body["urgencyLevel"] = json!("CRITICAL");
        body["startDate"] = json!(rfc3339(tomorrow() + Duration::weeks(week as i64)));
        let posted = client.post(MISSIONS, body).await.expect(201);
        missions.push(posted["id"].as_str().unwrap().to_owned());
    }
    let until_the_next_wave = Duration::minutes(10) + Duration::SECOND;
    if while_waves_go_out {
        world.drain().await;
        world.clock.advance(until_the_next_wave);
    }
    let changes = missions.iter().map(|id| {
        let client = client.clone();
        // A clock that was advanced makes every job look late: whoever is told to try again in a moment does.
        async move {
            loop {
                let changed = client.patch(&format!("{MISSIONS}/{id}"), json!({ "radiusKm": 5 })).await;
                if changed.status != 503 {
                    break changed.expect(200);
                }
            }
        }
    });
    join_all(changes).await;
    world.drain().await;
    world.clock.advance(until_the_next_wave);
    world.drain().await;

    // Tokens do not outlive a quarter of an hour.
    let client = world.returning(&client).await;
    for id in &missions {
        let matches = client.get(&format!("{MISSIONS}/{id}/matches")).await.expect(200);
        let ranked = matches["items"].as_array().unwrap().iter().map(|item| item["talentId"].clone());
        assert!(ranked.eq(nurses[..3].iter().map(|nurse| json!(nurse.id))), "{matches}");
    }
    for (n, nurse) in nurses.iter().enumerate() {
        let nurse = world.returning(nurse).await;
        for id in &missions {
            let invited = invitation(&nurse, id).await["status"] == "PENDING";
            assert_eq!(invited, n < NEAR, "nurse {n}");
        }
    }
    let gaps = "select count(*) from conversations c
                 where head <> (select count(*) from messages m where m.conversation_id = c.id)";
    assert_eq!(world.count(gaps).await, 0, "the room's numbers");
    world.end().await;
}

#[tokio::test]
async fn a_mission_shrinks_while_it_is_matched() {
    shrink(false).await;
}

#[tokio::test]
async fn a_mission_shrinks_while_its_second_wave_goes_out() {
    shrink(true).await;
}

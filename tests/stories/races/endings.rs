//! A mission is cancelled, by its client or with its client's account, while others act.

use serde_json::json;
use tokio::join;

use super::{Arena, NOT_OPEN, ROUNDS, granted};

#[tokio::test]
async fn a_mission_is_cancelled_while_two_accept() {
    let mut arena = Arena::new(2).await;
    for _ in 0..ROUNDS {
        let prize = arena.post(1).await;
        let (cancelled, one, other) =
            join!(arena.cancel(&prize), arena.accept(&prize, 0), arena.accept(&prize, 1));
        cancelled.expect(200);
        let came = [granted(&one, &[NOT_OPEN]), granted(&other, &[NOT_OPEN])];
        let winners: Vec<_> = (0..2).filter(|n| came[*n]).collect();
        assert!(winners.len() < 2);
        assert_eq!(arena.sound(&prize, &arena.client).await["status"], "CANCELLED");
        arena.assert_confirmed(&prize, &winners).await;
        for winner in winners {
            let nurse = &arena.nurses[winner];
            let told = arena.told(nurse, &prize, "MISSION_CANCELLED", "Annulée").await;
            assert_eq!(told, (1, 1), "who had planned it hears that it is over");
        }
    }
    arena.world.end().await;
}

#[tokio::test]
async fn a_mission_is_cancelled_while_its_talent_withdraws() {
    let mut arena = Arena::new(1).await;
    for _ in 0..ROUNDS {
        let prize = arena.post(1).await;
        arena.accept(&prize, 0).await.expect(200);
        let (cancelled, left) = join!(arena.cancel(&prize), arena.withdraw(&prize, 0));
        cancelled.expect(200);
        let left = granted(&left, &[(403, "NOT_A_PARTICIPANT")]);
        assert_eq!(arena.sound(&prize, &arena.client).await["status"], "CANCELLED");
        let kept = usize::from(!left);
        let told = arena.told(&arena.nurses[0], &prize, "MISSION_CANCELLED", "Annulée").await;
        assert_eq!(told, (kept, kept), "it is news to whoever had not left");
        let left = usize::from(left);
        let told = arena.told(&arena.client, &prize, "ASSIGNMENT_WITHDRAWN", "Désistement").await;
        assert!(told.0 == left && told.1 <= left, "{told:?}");
    }
    arena.world.end().await;
}

#[tokio::test]
async fn a_client_is_suspended_while_a_talent_accepts() {
    let mut arena = Arena::new(1).await;
    let admin = arena.world.admin().await;
    for round in 0..ROUNDS {
        let client = arena.world.client(&format!("client-{round}")).await;
        arena.week += 1;
        let prize = arena.post_as(&client, 1).await;
        let path = format!("/api/v1/admin/users/{}/suspend", client.id);
        let suspend = admin.patch(&path, json!({ "reason": "Signalements répétés" }));
        let (suspended, came) = join!(suspend, arena.accept(&prize, 0));
        suspended.expect(200);
        let came = granted(&came, &[NOT_OPEN]);
        let seen = arena.sound(&prize, &admin).await;
        assert_eq!((&seen["status"], &seen["cancelCause"]), (&json!("CANCELLED"), &json!("ACCOUNT")));
        arena.assert_confirmed(&prize, if came { &[0] } else { &[] }).await;
        let told = arena.told(&arena.nurses[0], &prize, "MISSION_CANCELLED", "Annulée").await;
        assert_eq!(told, (1, usize::from(came)), "by mail only who had planned it");
    }
    arena.world.end().await;
}

#[tokio::test]
async fn a_talent_is_suspended_while_accepting() {
    let mut arena = Arena::new(1).await;
    let admin = arena.world.admin().await;
    for _ in 0..ROUNDS {
        let prize = arena.post(1).await;
        let nurse = arena.nurses[0].clone();
        let path = format!("/api/v1/admin/users/{}", nurse.id);
        let (suspend, validate) = (format!("{path}/suspend"), format!("{path}/validate"));
        let suspend = admin.patch(&suspend, json!({ "reason": "Plainte en cours" }));
        let (suspended, came) = join!(suspend, arena.accept(&prize, 0));
        suspended.expect(200);
        let refusals = [NOT_OPEN, (403, "ACCOUNT_SUSPENDED"), (409, "TALENT_NOT_VERIFIED")];
        granted(&came, &refusals);
        let seen = arena.sound(&prize, &arena.client).await;
        assert_eq!((&seen["status"], &seen["filled"]), (&json!("OPEN"), &json!(0)));
        admin.send(admin.request(reqwest::Method::PATCH, &validate)).await.expect(200);
        arena.cancel(&prize).await.expect(200);
        arena.world.drain().await;
    }
    arena.world.end().await;
}

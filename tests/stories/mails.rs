//! Mails when the mail server is away, or says yes to a line that is cut; and to whom operations are told.

use serde_json::{Value, json};
use tests::Client;

use crate::letters::letters;
use crate::mail_server::{MailServer, Mood, Step, wait_for_the_post};
use crate::world::{World, mission};

const MISSIONS: &str = "/api/v1/matching/missions";

async fn invitation(nurse: &Client) -> String {
    let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
    format!("/api/v1/invitations/{}", invitations["items"][0]["id"].as_str().unwrap())
}

async fn post(world: &World, client: &Client) -> String {
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    format!("{MISSIONS}/{}", posted["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_mail_whose_yes_was_lost_comes_again_as_the_same() {
    let server = MailServer::start(Mood::TakesAndHangsUp).await;
    let world = server.world().await;
    let client = world.client("lilas").await;
    world.nurse("nurse", 1.0).await;
    post(&world, &client).await;
    wait_for_the_post(&world).await;
    let [first, second] = &server.letters()[..] else { panic!("two copies: {:?}", server.letters()) };
    assert_eq!(first.id, second.id, "whoever reads mail shows one");
    assert_eq!((&first.subject, &first.text), (&second.subject, &second.text));
    world.end().await;
}

#[tokio::test]
async fn what_became_pointless_while_the_mail_server_was_away_is_not_sent() {
    let server = MailServer::start(Mood::Says(Step::Mail, "451 not now")).await;
    let world = server.world().await;
    let client = world.client("lilas").await;
    let (nurse, other) = (world.nurse("nurse", 1.0).await, world.nurse("other", 2.0).await);
    let applicant = world.nurse("applicant", 90.0).await;
    let path = post(&world, &client).await;
    let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2500 });
    applicant.post(&format!("{path}/apply"), letter).await.expect(201);
    client.patch(&path, json!({ "description": "Au deuxième étage" })).await.expect(200);
    world.drain().await;
    nurse.act(&format!("{}/accept", invitation(&nurse).await)).await.expect(200);
    world.drain().await;
    nurse.post(&format!("{path}/withdraw"), json!({})).await.expect(200);
    world.drain().await;
    other.act(&format!("{}/accept", invitation(&other).await)).await.expect(200);
    world.drain().await;
    client.post(&format!("{path}/cancel"), json!({ "reason": "Fermeture" })).await.expect(200);
    world.drain().await;
    assert!(server.letters().is_empty());

    server.set(Mood::Takes);
    wait_for_the_post(&world).await;
    let mut sent: Vec<_> = server
        .letters()
        .iter()
        .map(|l| (l.to.clone(), l.subject.split(" : ").next().unwrap().to_owned()))
        .collect();
    sent.sort();
    let expected = [
        // Passed over when the mission was full, which stays true.
        ("applicant@example.org", "Votre candidature"),
        ("lilas@example.org", "Annulation enregistrée"),
        // Who had it in the end. That she and the one before had been chosen is no news any more, nor that they were invited.
        ("other@example.org", "Annulée"),
    ];
    assert_eq!(sent, expected.map(|(to, subject)| (to.to_owned(), subject.to_owned())));
    world.end().await;
}

fn critical() -> Value {
    let mut body = mission();
    body["urgencyLevel"] = json!("CRITICAL");
    body
}

#[tokio::test]
async fn operations_are_told_of_a_critical_mission_once() {
    let mut world = World::without_worker().await;
    world.start_worker_with(&["--worker-cron", "false", "--alert-email", "astreinte@example.org"]);
    let client = world.client("lilas").await;
    let posted = client.post(MISSIONS, critical()).await.expect(201);
    // One that becomes critical, one that stays as it is.
    let later = client.post(MISSIONS, mission()).await.expect(201);
    client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    for id in [&posted["id"], &later["id"]] {
        let path = format!("{MISSIONS}/{}", id.as_str().unwrap());
        client
            .patch(&path, json!({ "urgencyLevel": "CRITICAL", "title": "Nuit à l’étage" }))
            .await
            .expect(200);
        client.patch(&path, json!({ "radiusKm": 40 })).await.expect(200);
    }
    world.drain().await;
    let told: Vec<_> =
        letters(&world).into_iter().filter(|letter| letter.to == "astreinte@example.org").collect();
    assert_eq!(told.len(), 2, "{told:?}");
    let first = told.iter().find(|letter| letter.text.contains(posted["id"].as_str().unwrap())).unwrap();
    assert_eq!(first.subject, "CRITIQUE : Renfort – Infirmier diplômé d’État à Paris");
    let lines = [
        "Une mission critique vient d’être publiée.",
        "Renfort – Infirmier diplômé d’État",
        "À bientôt,",
        "L’équipe SocioPulse",
    ];
    for line in lines {
        assert!(first.text.lines().any(|found| found == line), "{line}: {}", first.text);
    }
    let second = told.iter().find(|letter| letter.text.contains(later["id"].as_str().unwrap())).unwrap();
    assert_eq!(second.subject, "CRITIQUE : Nuit à l’étage à Paris");
    world.end().await;
}

#[tokio::test]
async fn without_an_operations_address_a_critical_mission_goes_its_way() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    client.post(MISSIONS, critical()).await.expect(201);
    world.drain().await;
    assert_eq!(
        world.count("select count(*) from jobs where kind = 'alert-operations' and state = 'done'").await,
        1
    );
    nurse.act(&format!("{}/accept", invitation(&nurse).await)).await.expect(200);
    world.drain().await;
    assert!(letters(&world).iter().all(|letter| !letter.subject.starts_with("CRITIQUE")));
    world.end().await;
}

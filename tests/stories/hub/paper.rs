//! The report of a talent as a file: as handed in, then as accepted, for those who read the report.

use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use super::{Shift, hub, report, start_of};
use crate::contracts::{again, newest};
use crate::papers::download;
use crate::signatures::sign;
use crate::world::World;

#[tokio::test]
async fn a_report_is_a_file_as_handed_in_and_then_as_accepted() {
    let mut shift = Shift::assigned().await;
    let pdf = hub(&shift.mission, "report/pdf");
    shift.client.get(&pdf).await.expect(404);
    shift.begin().await;
    let mut new = report(495);
    new["content"] = json!(
        "Tour du matin effectué : dix-huit résidents, transmissions faites à l’équipe de jour.\nÀ revoir : le chariot d’urgence."
    );
    new["incidents"] = json!("Une chute sans gravité, signalée au cadre de santé à 10 h 40.");
    shift.nurse.post(&hub(&shift.mission, "report"), new).await.expect(201);
    shift.world.drain().await;
    let contract = shift.client.get(&newest(&shift.client).await).await.expect(200)["reference"].clone();
    let (status, headers, handed_in) = download(&shift.client, &pdf).await;
    assert_eq!((status.as_u16(), &headers[CONTENT_TYPE]), (200, &"application/pdf".parse().unwrap()));
    let name = format!("attachment; filename=\"RAPPORT-{}.pdf\"", contract.as_str().unwrap());
    assert_eq!(headers[CONTENT_DISPOSITION], name);
    let hash: String = sqlx::query_scalar("select encode(sha256($1), 'hex')")
        .bind(&handed_in)
        .fetch_one(&shift.world.pool)
        .await
        .unwrap();
    assert_eq!(headers[ETAG], format!("\"{hash}\""));
    assert!(handed_in.starts_with(b"%PDF-1.7"));
    assert_eq!(download(&shift.nurse, &pdf).await.2, handed_in);
    assert_eq!(download(&shift.world.admin().await, &pdf).await.2, handed_in);
    for stranger in [shift.world.client("other").await, shift.world.nurse("stranger", 2.0).await] {
        stranger.get(&pdf).await.expect_error(403, "NOT_A_PARTICIPANT");
    }

    shift.client.post(&hub(&shift.mission, "report/validate"), json!({})).await.expect(200);
    shift.world.drain().await;
    let (_, _, accepted) = download(&shift.nurse, &pdf).await;
    assert!(accepted != handed_in && accepted.starts_with(b"%PDF-1.7"));
    again(&shift.world, "render-document").await;
    assert_eq!(download(&shift.nurse, &pdf).await.2, accepted);
    let files = "select count(*) from documents where kind = 'REPORT'";
    assert_eq!(shift.world.count(files).await, 2);
    shift.pass(Duration::hours(2)).await;
    shift.world.end().await;
}

#[tokio::test]
async fn of_several_reports_each_talent_reads_its_own() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurses = [world.nurse("nadia", 1.0).await, world.nurse("nora", 2.0).await];
    let mission = super::shared(&world, &client, &nurses).await;
    for nurse in &nurses {
        let contract = newest(nurse).await;
        sign(&world, &client, &contract).await;
        sign(&world, nurse, &contract).await;
    }
    let start = start_of(&client, &mission).await;
    world.clock.advance(start + Duration::hours(7) - world.clock.now());
    world.drain().await;
    let mut places = Vec::new();
    for nurse in &nurses {
        let nurse = world.returning(nurse).await;
        nurse.act(&hub(&mission, "start")).await.expect(200);
        places.push(
            nurse.post(&hub(&mission, "report"), report(420)).await.expect(201)["assignmentId"].clone(),
        );
    }
    world.drain().await;
    let (client, nurse) = (world.returning(&client).await, world.returning(&nurses[0]).await);
    let unsaid = client.get(&hub(&mission, "report/pdf")).await.expect(400);
    assert_eq!(unsaid["errors"][0]["field"], "assignmentId");
    let of = |place: &Value| hub(&mission, &format!("report/pdf?assignmentId={}", place.as_str().unwrap()));
    let file = async |person: &Client, path: &str| download(person, path).await.2;
    let [first, second] = [file(&client, &of(&places[0])).await, file(&client, &of(&places[1])).await];
    assert!(first != second && first.starts_with(b"%PDF") && second.starts_with(b"%PDF"));
    assert_eq!(file(&nurse, &hub(&mission, "report/pdf")).await, first);
    nurse.get(&of(&places[1])).await.expect(404);
    world.clock.advance(Duration::hours(2));
    world.end().await;
}

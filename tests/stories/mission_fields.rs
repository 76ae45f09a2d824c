//! What a mission is when little is said of it, and how missions are found.

use serde_json::{Value, json};
use tests::Client;
use time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::world::{World, mission, rfc3339, tomorrow};

const MISSIONS: &str = "/api/v1/matching/missions";

#[tokio::test]
async fn what_is_not_said_has_its_usual_value() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let site = client.get("/api/v1/me/establishment").await.expect(200);
    let body = json!({
        "jobId": "ide", "hourlyRateCents": 1200, "startDate": rfc3339(tomorrow()), "city": "Paris", "postalCode": "75001",
        "specialties": [" Soins  palliatifs ", "GÉRIATRIE", "geriatrie"],
    });
    let posted = client.post(MISSIONS, body).await.expect(201);
    let time = |field: &str| OffsetDateTime::parse(posted[field].as_str().unwrap(), &Rfc3339).unwrap();
    assert_eq!(time("endDate") - time("startDate"), Duration::hours(8));
    for (field, usual) in [
        ("title", json!("Renfort – Infirmier diplômé d’État")),
        ("urgencyLevel", json!("HIGH")),
        ("isNightShift", json!(false)),
        ("requiresDiploma", json!(true)),
        ("requiresCar", json!(false)),
        ("radiusKm", json!(30)),
        ("slots", json!(1)),
        ("filled", json!(0)),
        ("status", json!("OPEN")),
        ("matching", json!("WAITING_FOR_LOCATION")),
        ("establishmentId", site["id"].clone()),
        ("specialties", json!(["geriatrie", "soins palliatifs"])),
    ] {
        assert_eq!(posted[field], usual, "{field}");
    }
    world.end().await;
}

async fn ids(who: &Client, query: &str) -> Vec<Value> {
    let page = who.get(&format!("{MISSIONS}?{query}")).await.expect(200);
    page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
}

#[tokio::test]
async fn missions_are_found_by_what_they_are_and_whose() {
    let world = World::new().await;
    let (lilas, roses) = (world.client("lilas").await, world.client("roses").await);
    let nurse = world.nurse("nurse", 1.0).await;
    let mut posted = Vec::new();
    for (client, job, urgency) in [(&lilas, "ide", "CRITICAL"), (&lilas, "as", "LOW"), (&roses, "ide", "LOW")]
    {
        let mut body = mission();
        (body["jobId"], body["urgencyLevel"]) = (json!(job), json!(urgency));
        posted.push(client.post(MISSIONS, body).await.expect(201)["id"].clone());
    }
    world.drain().await;
    let [critical, aide, theirs] = &posted[..] else { panic!("three: {posted:?}") };
    let newest_first = |missions: &[&Value]| missions.iter().map(|id| (*id).clone()).collect::<Vec<_>>();
    for (who, query, found) in [
        (&lilas, "scope=mine", newest_first(&[aide, critical])),
        (&roses, "scope=mine", newest_first(&[theirs])),
        (&nurse, "scope=mine", vec![]),
        (&nurse, "scope=open", newest_first(&[theirs, aide, critical])),
        (&nurse, "scope=open&jobId=ide", newest_first(&[theirs, critical])),
        (&nurse, "scope=open&urgencyLevel=LOW", newest_first(&[theirs, aide])),
        (&nurse, "scope=open&jobId=ide&urgencyLevel=LOW", newest_first(&[theirs])),
        (&nurse, "scope=open&jobId=kine", vec![]),
        (&lilas, "scope=mine&status=CANCELLED", vec![]),
    ] {
        assert_eq!(ids(who, query).await, found, "{query}");
    }
    // What is over is open to nobody; whoever has it finds it as its own.
    let cancel = format!("{MISSIONS}/{}/cancel", aide.as_str().unwrap());
    lilas.post(&cancel, json!({ "reason": "Erreur" })).await.expect(200);
    let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
    let mut items = invitations["items"].as_array().unwrap().iter();
    let invitation = items.find(|item| item["missionId"] == *critical).unwrap()["id"].as_str().unwrap();
    nurse.act(&format!("/api/v1/invitations/{invitation}/accept")).await.expect(200);
    assert_eq!(ids(&nurse, "scope=open").await, newest_first(&[theirs]));
    assert_eq!(ids(&nurse, "scope=mine").await, newest_first(&[critical]));
    assert_eq!(ids(&lilas, "scope=mine&status=CANCELLED").await, newest_first(&[aide]));
    for query in ["scope=all", "status=open", "urgencyLevel=NOW", "latitude=48.8", "radiusKm=0"] {
        nurse.get(&format!("{MISSIONS}?{query}")).await.expect_error(400, "INVALID_REQUEST");
    }
    world.end().await;
}

#[tokio::test]
async fn a_mission_is_repeated_at_1_to_31_dates() {
    let world = World::without_worker().await;
    let client = world.client("lilas").await;
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    let path = format!("{MISSIONS}/{}/duplicate", posted["id"].as_str().unwrap());
    let dates = |count: i64| {
        let date = |n| json!({ "startDate": rfc3339(tomorrow() + Duration::days(n)) });
        json!({ "dates": (1..=count).map(date).collect::<Vec<_>>() })
    };
    for impossible in [0, 32] {
        client.post(&path, dates(impossible)).await.expect_error(400, "INVALID_REQUEST");
    }
    let made = client.post(&path, dates(31)).await.expect(201);
    assert_eq!(made["items"].as_array().unwrap().len(), 31);
    world.stop().await;
}

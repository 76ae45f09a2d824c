//! One example per property, and out of them one of each body.

use serde_json::{Map, Value, json};

use super::amendments::operations_mut;

/// A property, or a schema's property when the name alone is not enough, and its example in JSON.
const PROPERTIES: &str = r#"
acceptedMinutes 480
access "Entrée par la cour, code affiché à l’accueil."
active 2
accessToken "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTk5In0.c2lnbmF0dXJl"
address "12 rue Saint-Ambroise"
after 41
PriceLine.amountCents 9000
amountCents 10800
attachments []
attempt 1
author "EHPAD Les Tilleuls"
PushKeys.auth "tBHItJI5svbpez7KI4CCXg"
available true
avatarUrl "https://cdn.example/nadia.webp"
LevelNeeds.averageRating 4.5
averageRating 4.8
baseCents 9000
baseQuantity 60
before 42
billingAddress "12 rue Saint-Ambroise, 75011 Paris"
billingEmail "compta@les-tilleuls.example"
billingName "EHPAD Les Tilleuls"
bio "Infirmière depuis douze ans, en gériatrie surtout."
JobView.body "{\"mission\":\"0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7\"}"
NotificationView.body "EHPAD Les Tilleuls vous propose une mission."
cancellationCents 10000
cancelReason "La titulaire est de retour."
canDoNightShift true
chargesEnabled true
chorusOrderReference "EJ-2030-0042"
chorusServiceCode "ACHATS"
chorusReason "Le code service est absent."
city "Paris"
clientMessageId "web-1"
clientSecret "pi_3QkX_secret_9fJ2"
closeness 92.5
SignatureConfirmation.code "402913"
ShownDocument.comment "La pièce est illisible."
DocumentDecision.comment "La pièce est illisible."
comment "À l’écoute et ponctuelle, nous la rappellerons."
BookingReview.comment "Une séance claire et utile."
commissionBps 1500
code "NOT_FOUND"
commissionCents 1620
compliant true
contact "Le cadre de nuit, à l’accueil."
confirmedReferrals 3
contactName "Claire Fontaine"
contactPhone "+33639980001"
contestReason "Le départ a eu lieu une heure plus tôt."
InstructionsRequest.content "Tour de nuit, dix-huit résidents ; transmissions à 21 h."
InstructionsView.content "Tour de nuit, dix-huit résidents ; transmissions à 21 h."
ReportRequest.content "Tour du matin effectué, transmissions faites à l’équipe."
ReportView.content "Tour du matin effectué, transmissions faites à l’équipe."
content "Bonjour, le code de la porte est le 12A."
count 4
coveredCents 0
coverLetter "Je connais bien votre établissement."
crashes 0
creditLimitCents 500000
creditUsedCents 120000
currency "EUR"
currentlyDue []
currentPassword "correct horse battery"
cursor "AAAAAAAA"
dead 0
deliveredFrom "2030-03-04"
deliveredTo "2030-03-05"
depth 12
enabled true
endpoint "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABnZ3Jv"
fcmToken "fGk2dQ8rR1y:APA91bH"
QuietHours.from 22
inApp true
incidents "Une chute sans gravité, signalée au cadre de santé."
InvoiceLine.description "Heures de mission"
description "Tour du matin, dix-huit résidents."
MailSuppressionView.detail "Recipient: 550 5.1.1 user unknown"
detail "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ServiceToOffer.description "Une heure à deux pour revenir sur une situation difficile."
ServiceChange.description "Une heure à deux pour revenir sur une situation difficile."
ServiceView.description "Une heure à deux pour revenir sur une situation difficile."
detailsSubmitted true
device "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"
discountCents 0
disputeReason "La prestation n’a pas eu lieu."
distanceKm 2.4
done true
dueCents 4500
durationMinutes 60
dueOn "2030-04-04"
email "nadia.benali@example.org"
endDate "2030-03-04T16:00:00Z"
endReason "Un empêchement de dernière minute."
error "421 try again later"
establishmentName "EHPAD Les Tilleuls"
experience 100
failure "Stripe refuses (charge_disputed): the charge has been charged back"
failureCode "card_declined"
field "startDate"
filled 1
firstName "Nadia"
flow "CPP0011117000000000425903"
found "ide"
ExceptionView.from "2030-03-04T08:00:00Z"
WeeklySlotView.from "08:00"
hasDriverLicense true
headline "Infirmière diplômée d'État"
hourlyRateCents 2500
ProfessionView.id "ide"
ip "198.51.100.7"
isActive true
isCurrent true
isEmailVerified true
isHost false
isInvited false
isMe true
linesContainVat true
LevelNeeds.missions 10
made false
mail true
mandatoryMails ["CONTRACT_TO_SIGN"]
PartyView.name "EHPAD Les Tilleuls"
notes "Matériel compris."
isOpen true
BookingRequest.message "Nous sommes trois éducateurs."
BookingView.message "Nous sommes trois éducateurs."
ServiceChoice.name "Une heure"
ServiceToOffer.name "Analyse de pratiques"
ServiceChange.name "Analyse de pratiques"
ServiceView.name "Analyse de pratiques"
VideoAccess.name "Nadia B."
notice "Aucun nom de patient ou de résident dans cette conversation."
isMarketplaceVisible true
isNightShift false
isVideoEnabled false
item "Vérifier le chariot d’urgence"
jobId "ide"
JobView.kind "match-mission"
kind "match-mission"
ChecklistItemRequest.label "Vérifier le chariot d’urgence"
ChecklistItemView.label "Vérifier le chariot d’urgence"
TagView.label "Fiable"
label "Infirmier diplômé d'État"
lastInitial "B"
lastName "Benali"
latitude 48.8589
legalName "Nadia Benali EI"
limit 20
Me.locale "fr"
longitude 2.379
matched true
matchedSpecialties ["geriatrie"]
message "mission not found"
minutesWorked 480
DiplomaView.name "Diplôme d'État d'infirmier"
EstablishmentChange.name "EHPAD Les Tilleuls"
EstablishmentView.name "EHPAD Les Tilleuls"
InvoiceParty.name "Nadia Benali"
name "matching"
needsClient false
netCents 20000
newPassword "a longer horse battery"
nextCursor "AAAAAAAA"
onLeaderboard true
open true
option "Une heure"
orderReference "EJ-2030-0042"
options [{"name": "Une heure", "priceCents": 9000, "durationMinutes": 60}]
owedCents 17000
PushKeys.p256dh "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
paidOutCents 42500
participants 1
password "correct horse battery"
people 3
path "/api/v1/matching/missions/0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7"
paused false
payoutsEnabled true
pendingEmail "nadia@example.com"
pendingReferrals 1
phone "+33639980002"
plannedCents 20000
plannedMinutes 480
plan "BETA"
GrowthView.points 1250
LeaderboardPlace.points 1250
PointEntryView.points 50
PointAdjustment.points 50
points 0
postalCode "75011"
priceCents 10000
priority 1
proposedRateCents 2600
publicKey "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
push true
quantityMilli 2000
queue "matching"
receiveMailEvent. {"type": "email.bounced", "created_at": "2030-03-04T09:00:00.000Z", "data": {"email_id": "56761188-7520-42d8-8898-ff6fc54ce618", "to": ["nadia.benali@example.org"], "bounce": {"type": "Permanent", "subType": "General", "message": "The mailbox does not exist."}}}
receiveStripeEvent. {"id": "evt_1QkXyZ", "object": "event", "type": "payment_intent.succeeded", "created": 1899100800, "livemode": false, "data": {"object": {"id": "pi_3QkX", "object": "payment_intent", "amount_received": 10800, "currency": "eur"}}}
receiveVideoEvent. {"event": "participant_joined", "id": "EV_3yzVqNhZ8rXk", "createdAt": "1899100800", "room": {"name": "booking-0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7"}, "participant": {"identity": "0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7"}}
radiusKm 30
rank 1
rateBps 2000
OwnReview.rating 5
ReviewView.rating 5
MissionReview.rating 5
BookingReview.rating 5
rating 96
MailSuppressionView.reason "BOUNCED"
PointEntryView.reason "Geste après l’incident du 3 mars."
PointAdjustment.reason "Geste après l’incident du 3 mars."
MessageReportView.reason "Le message nomme une résidente."
MessageToReport.reason "Le message nomme une résidente."
ReportContest.reason "Le départ a eu lieu une heure plus tôt."
reason "Une absence de dernière minute."
ContractSummary.reference "CTR-2026-0042"
ContractView.reference "CTR-2026-0042"
PlaceContract.reference "CTR-2026-0042"
BankTransferView.reference "VIR-2030-0117"
TransferMade.reference "VIR-2030-0117"
QuoteView.reference "DEVIS-2026-0007"
reference "FAC-2030-00001"
referralCode "K7M2P9QX"
referrerCode "K7M2P9QX"
refreshToken "0199f2d45d4e7c3b8a216f0d9be1c2a7.1.c2lnbmF0dXJl"
refundedCents 0
rejectReason "Hors budget cette année."
refundCents 4500
requestId "0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7"
requiredDocuments ["DIPLOMA", "ID_CARD"]
requiresCar false
requiresDiploma true
resolution "La séance est due : le contrat reprend son cours."
response "Merci, à bientôt !"
room "booking-0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7"
ruleVersion "1"
running 2
scheduledCents 17000
serviceCode "ACHATS"
score 100
seq 42
shareBps 5000
siret "73282932000074"
slots 1
TagView.slug "fiable"
slug "analyse-de-pratiques"
ScoreParts.specialties 100
listCandidates.specialties "geriatrie,alzheimer"
specialties ["geriatrie"]
startDate "2030-03-04T08:00:00Z"
started true
ChorusSubmission.state "SENT"
statusCode 404
subject "Mission du 4 mars 2030, contrat CTR-2030-0001"
subtotalCents 9000
supplementCents 2500
tags ["fiable"]
terms "CONTRAT DE PRESTATION DE SERVICES N° CTR-2026-0042"
termsSha256 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
BookingView.title "Analyse de pratiques"
VideoSession.title "Analyse de pratiques"
NotificationView.title "Une mission pour vous"
title "Renfort – Infirmier diplômé d'État"
ExceptionView.to "2030-03-04T18:00:00Z"
WeeklySlotView.to "18:00"
unsubscribeFromMails.token "0199f2d45d4e7c3b8a216f0d9be1c2a7.MISSION_INVITATION.5f0c9be1c2a70199f2d45d4e7c3b8a21"
QuietHours.to 7
token "c2luZ2xlLXVzZSB0b2tlbiBvZiBhIG1haWw"
totalCents 10800
VideoAccess.token "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTk5In0.c2lnbmF0dXJl"
totalMissions 41
totalReviews 27
NotificationView.type "NEW_MATCH"
NotificationPreference.type "MISSION_INVITATION"
unit "h"
unitPriceCents 4500
unitPriceMicros 25000000
unread 3
unreadOnly true
OnboardingLink.url "https://connect.stripe.com/setup/e/acct_1QkX"
userAgent "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"
url "wss://live.example"
value 100
vatBps 2000
vatCents 1800
vatMention "TVA non applicable, art. 293 B du CGI"
vatNumber "FR40732829320"
version 1
wanted "ide"
wave 1
weekday 1
weekly [{"weekday": 1, "from": "08:00", "to": "18:00"}]
weight 35
weightedScore 94.1
wouldChange ["A rating of 4.9 or more"]
year 2014
"#;

/// Of a refusal, per status.
const REFUSALS: [(&str, &str, &str); 12] = [
    ("400", "INVALID_REQUEST", "startDate: must be in the future"),
    ("401", "SESSION_ENDED", "This session has ended; sign in again"),
    ("403", "ROLE_NOT_ALLOWED", "Your role may not do this"),
    ("404", "NOT_FOUND", "mission not found"),
    ("409", "MISSION_NOT_OPEN", "This mission is no longer open"),
    ("410", "TOKEN_EXPIRED", "This link has expired; ask for another"),
    ("413", "PAYLOAD_TOO_LARGE", "the body is larger than 1 MiB"),
    ("415", "UNSUPPORTED_MEDIA_TYPE", "the body must be application/json"),
    ("422", "IDEMPOTENCY_KEY_REUSED", "This key belongs to another request"),
    ("429", "RATE_LIMITED", "too many requests; try again in 1 s"),
    ("500", "INTERNAL", "something went wrong on our side"),
    ("503", "DATABASE_UNAVAILABLE", "try again in a moment"),
];

const SOME_ID: &str = "0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7";
const SOME_TIME: &str = "2030-03-04T08:00:00Z";

/// Gives every property, parameter and body its example.
pub fn illustrate(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let table = Table::read(&schemas);
    for (owner, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if let Some(first) = schema["enum"].get(0).cloned() {
            schema["example"] = first;
        }
        for (name, property) in
            schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            // Beside a reference nothing may stand; what it means has an example itself.
            if property.get("$ref").is_none() {
                property["example"] = table.value(property, owner, name);
            }
        }
    }
    for operation in operations_mut(document) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            if parameter.get("example").is_none() {
                let name = parameter["name"].as_str().unwrap_or_default().to_owned();
                parameter["example"] = table.value(&parameter["schema"], &id, &name);
            }
        }
        if let Some(body) = operation.get_mut("requestBody") {
            for media in body["content"].as_object_mut().into_iter().flat_map(|content| content.values_mut())
            {
                media["example"] = table.value(&media["schema"], &id, "");
            }
        }
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            let content = response.get_mut("content");
            if let Some(media) = content.and_then(|content| content.get_mut("application/json")) {
                match status.as_str() {
                    refused if refused >= "400" => {
                        let reference = json!({ "$ref": format!("#/components/examples/Refused{refused}") });
                        media["examples"] = json!({ "refused": reference });
                    }
                    _ => media["example"] = table.value(&media["schema"], &id, ""),
                }
            }
        }
    }
    let refusal = |(status, code, message): (&str, &str, &str)| {
        let mut body = table.value(&json!({ "$ref": "#/components/schemas/ErrorBody" }), "", "");
        body["statusCode"] = status.parse::<i32>().unwrap_or_default().into();
        body["code"] = code.into();
        body["message"] = message.into();
        if status != "400"
            && let Some(body) = body.as_object_mut()
        {
            body.remove("errors");
        }
        (format!("Refused{status}"), json!({ "summary": code, "value": body }))
    };
    document["components"]["examples"] = Value::Object(REFUSALS.map(refusal).into_iter().collect());
}

struct Table<'s> {
    schemas: &'s Value,
    known: Map<String, Value>,
}

impl<'s> Table<'s> {
    fn read(schemas: &'s Value) -> Self {
        let lines = PROPERTIES.lines().filter_map(|line| line.split_once(' '));
        let known =
            lines.filter_map(|(name, text)| Some((name.to_owned(), serde_json::from_str(text).ok()?)));
        Self { schemas, known: known.collect() }
    }

    /// The example of a schema, as the property `name` of `owner`; null when the table lacks it, which no check lets pass.
    fn value(&self, schema: &Value, owner: &str, name: &str) -> Value {
        if let Some(target) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.value(&self.schemas[target], target, "");
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        if let Some(properties) = schema["properties"].as_object() {
            let examples =
                properties.iter().map(|(name, property)| (name.clone(), self.value(property, owner, name)));
            return Value::Object(examples.collect());
        }
        if schema["type"] == "array" && schema["items"].get("$ref").is_some() {
            return json!([self.value(&schema["items"], owner, name)]);
        }
        let known = self.known.get(&format!("{owner}.{name}")).or_else(|| self.known.get(name));
        match (known, schema["format"].as_str()) {
            (_, Some("uuid")) => SOME_ID.into(),
            (Some(example), _) => example.clone(),
            (None, Some("date-time")) => SOME_TIME.into(),
            (None, _) => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::super::amendments::operations;
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let table = Table::read(&Value::Null);
        assert_eq!(table.known.len(), PROPERTIES.trim().lines().count());
    }

    #[test]
    fn every_property_parameter_and_body_has_an_example() {
        fn nulls(value: &Value, path: &str, found: &mut Vec<String>) {
            match value {
                Value::Null => found.push(path.to_owned()),
                Value::Object(map) => {
                    map.iter().for_each(|(name, value)| nulls(value, &format!("{path}.{name}"), found))
                }
                Value::Array(items) => items.iter().for_each(|value| nulls(value, path, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        let document = Document::build();
        for (name, schema) in document.value["components"]["schemas"].as_object().unwrap() {
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                if property.get("$ref").is_none() {
                    nulls(&property["example"], &format!("{name}.{field}"), &mut found);
                }
            }
        }
        for operation in operations(&document.value) {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                nulls(&parameter["example"], &format!("{id} {}", parameter["name"]), &mut found);
            }
            if let Some(body) = operation.get("requestBody") {
                for media in body["content"].as_object().unwrap().values() {
                    nulls(&media["example"], &format!("{id} asks"), &mut found);
                }
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                let content = response.get("content");
                if let Some(media) = content.and_then(|content| content.get("application/json")) {
                    let example = media.get("examples").unwrap_or(&media["example"]);
                    nulls(example, &format!("{id} answers {status}"), &mut found);
                }
            }
        }
        assert!(found.is_empty(), "without example: {found:#?}");
    }
}

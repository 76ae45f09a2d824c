use domain::missions;
use jobs::{GeocodeMission, effects};

use crate::App;
use crate::engine::{JobResult, Run};
use crate::geocoder;

/// The answer counts only for a mission that still waits, at the address that was asked for.
pub async fn run(job: GeocodeMission, run: Run<App>) -> JobResult {
    let Some(geocoder) = run.app.geocoder.clone() else { return run.done_without_effects() };
    let Some(mission) = missions::find_unplaced(&mut *run.app.db.conn().await?, job.mission_id).await? else {
        return run.done_without_effects();
    };
    let address = mission.place();
    let point = geocoder::locate(&*geocoder, &run.app, &address).await?;

    let now = run.now();
    let mut tx = run.begin().await?;
    if let Some(point) = point {
        let Some(mission) = missions::set_point(&mut tx, job.mission_id, &address, point).await? else {
            return run.done_without_effects();
        };
        effects::missions::located(&mut tx, &mission).await?;
        return run.done(tx).await;
    }
    let unplaced = missions::find_unplaced(&mut tx, job.mission_id).await?;
    let Some(mission) = unplaced.filter(|mission| mission.place() == address) else {
        return run.done_without_effects();
    };
    effects::missions::location_unknown(&mut tx, &mission, now).await?;
    run.done(tx).await
}

use domain::{establishments, profiles};
use jobs::effects;
use jobs::geocode_address::{AddressOf, GeocodeAddress};

use crate::App;
use crate::engine::{JobResult, Run};
use crate::geocoder;

/// The answer counts only for the address that was asked for, and where nobody has said better meanwhile.
pub async fn run(job: GeocodeAddress, run: Run<App>) -> JobResult {
    let Some(geocoder) = run.app.geocoder.clone() else { return run.done_without_effects() };
    let mut conn = run.app.db.conn().await?;
    let unplaced = match job.of {
        AddressOf::Profile(user) => profiles::find_unplaced(&mut conn, user).await?,
        AddressOf::Establishment(site) => establishments::find_unplaced(&mut conn, site).await?,
    };
    drop(conn);
    let Some(address) = unplaced else { return run.done_without_effects() };
    let Some(point) = geocoder::locate(&*geocoder, &run.app, &address).await? else {
        return run.done_without_effects();
    };

    let now = run.now();
    let mut tx = run.begin().await?;
    match job.of {
        AddressOf::Profile(user) => {
            if profiles::set_point(&mut tx, user, &address, point).await? {
                effects::missions::talent_changed(&mut tx, user, now).await?;
            }
        }
        AddressOf::Establishment(site) => {
            establishments::set_point(&mut tx, site, &address, point).await?;
        }
    }
    run.done(tx).await
}

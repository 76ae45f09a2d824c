-- Talents as points on the unit sphere. The square of the chord between two of them is four times the haversine of their
-- distance, without a sine: a crowd of a city is filtered and sorted by eight products and sums each.
alter table talent_search
    add column x float8 not null generated always as (cos(radians(latitude)) * cos(radians(longitude))) stored,
    add column y float8 not null generated always as (cos(radians(latitude)) * sin(radians(longitude))) stored,
    add column z float8 not null generated always as (sin(radians(latitude))) stored;

drop index talent_search_place;
create index talent_search_place on talent_search (profession_id, latitude, longitude)
    include (x, y, z, talent_id, specialties, average_rating, total_missions, compliant, can_do_night_shift, has_driver_license,
             marketplace_visible);

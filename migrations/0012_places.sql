-- Where addresses are, as the address service said.

-- Answers of the address service. The key is a digest: whose address was asked for is nobody's to read here.
create table places (
    -- SHA-256 of the normalised question.
    question    bytea       primary key check (octet_length(question) = 32),
    -- Null: nothing was found.
    latitude    float8      check (latitude between -90 and 90),
    longitude   float8      check (longitude between -180 and 180),
    score       float8,
    answered_at timestamptz not null,
    constraint place_is_whole check ((latitude is null) = (longitude is null) and (latitude is null) = (score is null))
);
create index places_age on places (answered_at);

-- The address is newer than the coordinates, which stay until it is known where it is.
alter table profiles add column location_stale boolean not null default false;
alter table establishments add column location_stale boolean not null default false;

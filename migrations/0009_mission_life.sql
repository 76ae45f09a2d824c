-- A mission from its posting to its start: waves, changes, applications and cancellation.

-- Who or what ended a mission before it began.
create type cancel_cause as enum ('CLIENT', 'ADMIN', 'EXPIRED', 'ACCOUNT');
create type application_status as enum ('PENDING', 'ACCEPTED', 'REJECTED', 'WITHDRAWN');

alter table missions
    -- Waves of invitations begin anew with each round: after a withdrawal, and when the search was changed.
    add column round smallint not null default 1,
    -- The last wave of this round that was sent.
    add column wave smallint not null default 0,
    -- First answer of the matching; null before.
    add column matched_at timestamptz,
    add column cancel_cause cancel_cause,
    add column cancelled_at timestamptz,
    -- What the client owes for cancelling this late; settled by the payments.
    add column cancellation_cents integer check (cancellation_cents >= 0),
    -- When everybody had been told of the cancellation.
    add column cascaded_at timestamptz;

alter table assignments
    add column override_reason text,
    add column override_by uuid references users,
    -- When and why a talent left, or was freed, before the start.
    add column ended_at timestamptz,
    add column end_reason text;
create index assignments_mission on assignments (mission_id, talent_id);

create table applications (
    id                  uuid primary key,
    mission_id          uuid not null references missions on delete cascade,
    talent_id           uuid not null references users,
    cover_letter        text not null check (length(cover_letter) between 1 and 2000),
    proposed_rate_cents integer not null check (proposed_rate_cents between 1200 and 10000),
    status              application_status not null default 'PENDING',
    created_at          timestamptz not null,
    answered_at         timestamptz
);
-- Whoever withdrew may apply again.
create unique index applications_once on applications (mission_id, talent_id) where status <> 'WITHDRAWN';
create index applications_mission on applications (mission_id, created_at desc, id desc);
create index applications_talent on applications (talent_id, created_at desc, id desc);

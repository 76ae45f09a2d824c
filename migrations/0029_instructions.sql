-- The hub of a mission: what its client tells its talents beforehand, who has read it, and what happened, in order.

-- Each saving is a version of its own; the newest counts.
create table mission_instructions (
    id         uuid        primary key,
    mission_id uuid        not null references missions,
    version    integer     not null check (version > 0),
    content    text        not null,
    -- How to get in, and whom to ask for.
    access     text,
    contact    text,
    written_by uuid        not null references users,
    created_at timestamptz not null,
    constraint mission_instructions_version unique (mission_id, version)
);

-- An item keeps its id, and with it that it was done, from one version to the next.
create table checklist_items (
    instructions_id uuid     not null references mission_instructions,
    position        smallint not null check (position between 0 and 29),
    id              uuid     not null,
    label           text     not null,
    primary key (instructions_id, position),
    constraint checklist_items_once unique (instructions_id, id)
);

create table checklist_marks (
    item_id   uuid        primary key,
    done      boolean     not null,
    -- Who said so last, and when.
    marked_by uuid        not null references users,
    marked_at timestamptz not null
);

-- Of a version: the next one is to be read anew.
create table instructions_read (
    instructions_id uuid        not null references mission_instructions,
    assignment_id   uuid        not null references assignments,
    read_at         timestamptz not null,
    primary key (instructions_id, assignment_id)
);

create type mission_event_kind as enum (
    'CREATED', 'MATCHED', 'INVITED', 'APPLIED', 'ASSIGNED', 'CONTRACT_SIGNED', 'INSTRUCTIONS_UPDATED', 'BRIEFING_READ',
    'CHECKLIST_ITEM_DONE', 'MISSION_STARTED', 'INCIDENT', 'REPORT_SUBMITTED', 'REPORT_VALIDATED', 'REPORT_CONTESTED', 'CANCELLED',
    'LOCKED', 'PAYMENT');

-- What happened to a mission, but for what its own row and those of its matching say: CREATED, MATCHED and INVITED are drawn from
-- these, so that posting and matching write nothing more. No foreign key to the mission: it would lock the mission's row behind
-- the contract or payment that the writer holds, and everybody else takes these in the other order.
create table mission_events (
    id           uuid               primary key,
    mission_id   uuid               not null,
    kind         mission_event_kind not null check (kind not in ('CREATED', 'MATCHED', 'INVITED')),
    -- The fact that it tells of: told once.
    subject_id   uuid               not null,
    -- Whose it is.
    talent_id    uuid               references users,
    -- Of the instructions.
    version      integer,
    -- Of the checklist.
    item         text,
    amount_cents bigint,
    created_at   timestamptz        not null,
    constraint mission_events_once unique (kind, subject_id)
);
create index mission_events_mission on mission_events (mission_id, created_at desc, id desc);

-- How many a wave invited: those of its ranking who had not been asked before. Null where an older release decided.
alter table match_decisions add column invited smallint;

-- What had happened until now.
insert into mission_events (id, mission_id, kind, subject_id, talent_id, amount_cents, created_at)
select gen_random_uuid(), mission_id, kind::mission_event_kind, subject_id, talent_id, amount_cents, at
  from (select mission_id, 'APPLIED', id, talent_id, null::bigint, created_at from applications
        union all select mission_id, 'ASSIGNED', id, talent_id, null, created_at from assignments
        union all select mission_id, 'MISSION_STARTED', id, talent_id, null, started_at from assignments
        union all select mission_id, 'CONTRACT_SIGNED', id, talent_id, null, signed_at from contracts
        union all select mission_id, 'INCIDENT', id, talent_id, null, submitted_at from reports where incidents is not null
        union all select mission_id, 'REPORT_SUBMITTED', id, talent_id, null, submitted_at from reports
        union all select mission_id, 'REPORT_CONTESTED', id, talent_id, null, contested_at from reports
        union all select mission_id, 'REPORT_VALIDATED', id, talent_id, null, validated_at from reports
        union all select id, 'CANCELLED', id, null, null, cancelled_at from missions
        union all select mission_id, 'LOCKED', id, null, null, locked_at from conversations
        union all select mission_id, 'PAYMENT', id, talent_id, amount_cents, settled_at from payments)
       as facts (mission_id, kind, subject_id, talent_id, amount_cents, at)
 where mission_id is not null and at is not null;

create function mission_events_only_grow() returns trigger language plpgsql as $$
begin
    raise exception using errcode = '23514', table = 'mission_events', constraint = 'mission_events_only_grow',
        message = 'what happened to a mission is neither changed nor deleted';
end
$$;
create trigger mission_events_only_grow before update or delete on mission_events
    for each row execute function mission_events_only_grow();
create trigger mission_events_are_not_emptied before truncate on mission_events
    for each statement execute function mission_events_only_grow();

-- The missions that somebody is on the way to, or at work in: for their client, its establishment, and for those talents.
create function active_missions(person uuid) returns setof uuid language sql stable parallel safe
begin atomic
    select m.id from missions m
     where m.client_id = person and m.filled > 0 and m.status in ('OPEN', 'ASSIGNED', 'IN_PROGRESS')
    union
    select m.id from establishment_members e join missions m on m.establishment_id = e.establishment_id
     where e.user_id = person and m.filled > 0 and m.status in ('OPEN', 'ASSIGNED', 'IN_PROGRESS')
    union
    select m.id from assignments a join missions m on m.id = a.mission_id
     where a.talent_id = person and a.status in ('ASSIGNED', 'IN_PROGRESS') and m.status in ('OPEN', 'ASSIGNED', 'IN_PROGRESS');
end;
create index missions_client_active on missions (client_id) where filled > 0 and status in ('OPEN', 'ASSIGNED', 'IN_PROGRESS');
create index missions_site_active on missions (establishment_id) where filled > 0 and status in ('OPEN', 'ASSIGNED', 'IN_PROGRESS');

-- The report of a talent, as a file.
alter type document_kind add value 'REPORT';

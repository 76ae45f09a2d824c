-- What becomes of a mission once it begins: who has started, what each reports, and whether that was accepted.

alter table assignments add column started_at timestamptz;

create type report_status as enum ('SUBMITTED', 'CONTESTED', 'VALIDATED');
-- Who accepted a report: the client's side, the time that it let pass, or an admin who decided a dispute.
create type report_judge as enum ('CLIENT', 'TIME', 'ADMIN');

create table reports (
    id               uuid          primary key,
    assignment_id    uuid          not null references assignments,
    mission_id       uuid          not null references missions,
    talent_id        uuid          not null references users,
    status           report_status not null default 'SUBMITTED',
    content          text          not null,
    incidents        text,
    minutes_worked   integer       not null,
    -- From the planned start to the planned end.
    planned_minutes  integer       not null,
    submitted_at     timestamptz   not null,
    contested_at     timestamptz,
    contested_by     uuid          references users,
    contest_reason   text,
    -- What is paid for: those worked, or what an admin decided.
    accepted_minutes integer,
    validated_at     timestamptz,
    validated_by     report_judge,
    constraint reports_once unique (assignment_id),
    constraint report_minutes check (minutes_worked between 1 and 1440 and accepted_minutes between 0 and 1440),
    constraint report_is_validated_with_minutes check ((status = 'VALIDATED') = (validated_at is not null)
                                                       and (validated_at is null) = (accepted_minutes is null)
                                                       and (validated_at is null) = (validated_by is null))
);
create index reports_mission on reports (mission_id, submitted_at, id);

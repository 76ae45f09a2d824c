-- The job ledger: PostgreSQL knows what has to be done, Redis only says when to look.
-- Nothing in this file names a noun of the product.

create type job_state as enum ('waiting', 'dispatched', 'running', 'done', 'dead', 'cancelled');

create table jobs (
    id            uuid        primary key,
    kind          text        not null,
    queue         text        not null,
    priority      smallint    not null check (priority between 0 and 2),
    state         job_state   not null default 'waiting',
    -- All time lives here: delay, retry and give-back only move it.
    run_at        timestamptz not null,
    body          jsonb       not null,
    -- Starts counted against the policy; a give-back takes its start back.
    attempt       integer     not null default 0,
    -- Times that a worker died while it held the job.
    crashes       integer     not null default 0,
    -- The fence: fresh at each claim, asked for by every write of the holder.
    token         uuid,
    worker        uuid,
    -- Past this the holder's beat no longer covers the job.
    covered_until timestamptz,
    dispatched_at timestamptz,
    -- At most one row for ever (until pruned), whatever became of it.
    unique_key    text,
    -- At most one row that nobody has claimed yet.
    debounce_key  text,
    request_id    text,
    traceparent   text,
    -- One object per failure: {at, attempt, error}.
    causes        jsonb       not null default '[]',
    created_at    timestamptz not null default clock_timestamp(),
    finished_at   timestamptz,
    constraint running_is_fenced check (state <> 'running' or (token is not null and worker is not null))
) with (fillfactor = 80);

create index jobs_due        on jobs (queue, priority, run_at) where state = 'waiting';
create index jobs_dispatched on jobs (dispatched_at)           where state = 'dispatched';
create index jobs_running    on jobs (worker)                  where state = 'running';
create index jobs_dead       on jobs (id)                      where state = 'dead';
create index jobs_finished   on jobs (finished_at)             where state in ('done', 'cancelled');
create unique index jobs_unique_key   on jobs (unique_key)   where unique_key is not null;
create unique index jobs_debounce_key on jobs (debounce_key) where debounce_key is not null and state in ('waiting', 'dispatched');

-- Rows come and go by the thousand: look at them before the defaults would.
alter table jobs set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

-- The lease: one row per worker process, beaten every second. A row that stops beating frees what it holds.
create table workers (
    id         uuid        primary key,
    name       text        not null,
    started_at timestamptz not null default clock_timestamp(),
    beat_at    timestamptz not null default clock_timestamp()
);

create table paused_queues (
    queue     text        primary key,
    paused_at timestamptz not null default clock_timestamp()
);

-- A debounced job may only go back to waiting where no newer one of its key waits, or goes back in the same statement.
create function is_superseded(job jobs) returns boolean
    language sql stable
    return job.debounce_key is not null and exists (
        select from jobs other
         where other.debounce_key = job.debounce_key and other.id <> job.id
           and (other.state in ('waiting', 'dispatched') or other.state = 'running' and other.id > job.id));

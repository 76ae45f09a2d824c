-- A kind may have a limit of how many of it run at once, over all workers. Its jobs are kept apart while they wait, so that
-- a crowd of them at its limit is never in the way of the others.
alter table jobs add column limited boolean not null default false;

drop index jobs_due;
create index jobs_due     on jobs (queue, priority, run_at) where state = 'waiting' and not limited;
create index jobs_limited on jobs (kind, priority, run_at)  where state = 'waiting' and limited;

-- Feeds are pruned by age, which follows the order of insertion: a few bytes per thousand rows are index enough.
create index feed_events_age on feed_events using brin (created_at);

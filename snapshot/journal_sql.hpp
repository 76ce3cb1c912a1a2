// The journal's tables, and the statements on jobs, runs, snapshots, steps and problems; those on
// the plan and its chunks are in plan_sql.hpp. The tables live in schema pghaul of the TARGET, so
// that rows and their mark can commit together (invariant 3).
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::snapshot {

inline constexpr io::Query kCreateJournal{"create_journal", R"sql(
    create schema if not exists pghaul;
    comment on schema pghaul is 'journal of pghaul; remove it with: pghaul drop';
    create table if not exists pghaul.job (
        job              text primary key,
        version          text not null,
        source           text not null,
        source_identity  text not null,
        settings         text not null,
        phase            text not null,
        run              bigint not null,
        runner           text not null,
        plan             text,
        schema_archive   bytea,
        capture          boolean not null,
        job_id           text not null,
        delta_from       text,
        delta_at         timestamptz,
        delta_rows       bigint not null default 0,
        cutover_at       timestamptz,
        cutover_pause_ms bigint,
        created_at       timestamptz not null default pg_catalog.clock_timestamp(),
        updated_at       timestamptz not null default pg_catalog.clock_timestamp(),
        finished_at      timestamptz
    );
    create table if not exists pghaul.snapshot (
        job       text not null references pghaul.job on delete cascade,
        number    integer not null,
        snapshot  text not null,
        exported  text,
        indexed   boolean not null default false,
        taken_at  timestamptz not null default pg_catalog.clock_timestamp(),
        primary key (job, number)
    );
    create table if not exists pghaul.table_plan (
        job          text not null references pghaul.job on delete cascade,
        number       integer not null,
        table_name   text not null,
        bytes        bigint not null,
        plan         text not null,
        finished_at  timestamptz,
        proof        text,
        primary key (job, number)
    );
    create table if not exists pghaul.chunk (
        job           text not null references pghaul.job on delete cascade,
        table_number  integer not null,
        number        integer not null,
        bytes         bigint not null,
        loaded_at     timestamptz,
        snapshot      integer,
        rows          bigint,
        sent_bytes    bigint,
        row_sum       text,
        primary key (job, table_number, number)
    );
    create table if not exists pghaul.large_object_chunk (
        job           text not null references pghaul.job on delete cascade,
        number        integer not null,
        objects       bigint not null,
        loaded_at     timestamptz,
        snapshot      integer,
        sent_bytes    bigint,
        primary key (job, number)
    );
    create table if not exists pghaul.step (
        job          text not null references pghaul.job on delete cascade,
        step         text not null,
        seconds      double precision not null default 0,
        entries_done bigint not null default 0,
        finished_at  timestamptz,
        primary key (job, step)
    );
    create table if not exists pghaul.problem (
        job       text not null references pghaul.job on delete cascade,
        subject   text not null,
        message   text not null,
        noted_at  timestamptz not null default pg_catalog.clock_timestamp(),
        primary key (job, subject)
    );
)sql"};

/// What journals of the first versions lack. It takes locks only where something is missing; other
/// jobs may be at work in the same journal. A new column is added here, not above.
inline constexpr io::Query kUpgradeJournal{"upgrade_journal", R"sql(
    do $$
    begin
        if pg_catalog.to_regclass('pghaul.hazard') is null then
            -- In the order in which streams take theirs: they have locked a chunk's row.
            lock table pghaul.chunk, pghaul.large_object_chunk, pghaul.table_plan, pghaul.job
                in access exclusive mode;
            alter table pghaul.job
                add column if not exists source_version text,
                add column if not exists windows bigint not null default 0;
            alter table pghaul.table_plan
                add column if not exists proof_at timestamptz;
            alter table pghaul.chunk
                add column if not exists begun_at timestamptz,
                add column if not exists backend integer;
            alter table pghaul.large_object_chunk
                add column if not exists begun_at timestamptz,
                add column if not exists backend integer;
            create table if not exists pghaul.hazard (
                job       text not null references pghaul.job on delete cascade,
                topic     text not null,
                number    integer not null,
                weight    text not null,
                message   text not null,
                fix       text not null,
                noted_at  timestamptz not null default pg_catalog.clock_timestamp(),
                primary key (job, topic, number)
            );
        end if;
        if pg_catalog.to_regclass('pghaul.spool') is null then
            create table if not exists pghaul.spool (
                job          text not null references pghaul.job on delete cascade,
                host         text not null,
                base         text not null,
                limit_bytes  bigint not null,
                noted_at     timestamptz not null default pg_catalog.clock_timestamp(),
                primary key (job, host, base)
            );
        end if;
    end
    $$
)sql"};

inline constexpr io::Query kJournalExists{"journal_exists", R"sql(
    select pg_catalog.to_regclass('pghaul.job') is not null
)sql"};

/// $1 job. The keys of the lock that a run holds: one constant, one from the job's name.
inline constexpr io::Query kTryLockJob{"try_lock_job", R"sql(
    select pg_catalog.pg_try_advisory_lock(1885824097, pg_catalog.hashtext($1::pg_catalog.text))
)sql"};

/// $1 job. Rows: pid, client, application name, since.
inline constexpr io::Query kLockHolder{"lock_holder", R"sql(
    select a.pid, coalesce(pg_catalog.host(a.client_addr), 'local'), a.application_name,
           pg_catalog.date_trunc('second', a.backend_start)
      from pg_catalog.pg_locks as l
      join pg_catalog.pg_stat_activity as a on a.pid = l.pid
     where l.locktype = 'advisory'
       and l.database = (select d.oid
                           from pg_catalog.pg_database as d
                          where d.datname = pg_catalog.current_database())
       and l.classid = 1885824097::pg_catalog.oid
       and l.objid = (pg_catalog.hashtext($1::pg_catalog.text)::pg_catalog.int8
                      & 4294967295)::pg_catalog.oid
       and l.objsubid = 2
       and l.granted
)sql"};

/// $1 prefix "pghaul/<job>/". Ends sessions that a killed run left behind; rows: those still there.
inline constexpr io::Query kEndLeftovers{"end_leftovers", R"sql(
    select a.pid, pg_catalog.pg_terminate_backend(a.pid)
      from pg_catalog.pg_stat_activity as a
     where pg_catalog."left"(a.application_name, pg_catalog.length($1::pg_catalog.text)) = $1
       and a.pid <> pg_catalog.pg_backend_pid()
       and a.usename = current_user
       and a.datname = pg_catalog.current_database()
)sql"};

/// $1 job. Row: everything but plan and archive.
inline constexpr io::Query kReadJob{"read_job", R"sql(
    select job, version, source, source_identity, settings, phase, run, runner,
           pg_catalog.date_trunc('second', created_at)::pg_catalog.text,
           pg_catalog.date_trunc('second', updated_at)::pg_catalog.text,
           pg_catalog.date_trunc('second', finished_at)::pg_catalog.text,
           plan is not null, capture, job_id, coalesce(delta_from, ''),
           coalesce(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - delta_at), -1),
           delta_rows, cutover_at is not null, coalesce(cutover_pause_ms, 0)
      from pghaul.job
     where job = $1
)sql"};

inline constexpr io::Query kListJobs{"list_jobs", R"sql(
    select job from pghaul.job order by job
)sql"};

/// $1 job, $2 version, $3 source, $4 identity, $5 settings, $6 runner, $7 capture, $8 the job's id,
/// or empty for a new one.
inline constexpr io::Query kInsertJob{"insert_job", R"sql(
    insert into pghaul.job (job, version, source, source_identity, settings, phase, run, runner,
                            capture, job_id)
    values ($1, $2, $3, $4, $5, 'created', 0, $6, $7::pg_catalog.bool,
            case when $8 <> '' then $8
                 else pg_catalog.md5(pg_catalog.random()::pg_catalog.text
                                     || pg_catalog.clock_timestamp()::pg_catalog.text
                                     || pg_catalog.pg_backend_pid())
            end)
)sql"};

/// $1 job, $2 runner, $3 version.
inline constexpr io::Query kBeginRun{"begin_run", R"sql(
    update pghaul.job
       set run = run + 1, runner = $2, version = $3, updated_at = pg_catalog.clock_timestamp()
     where job = $1
 returning run
)sql"};

/// $1 job, $2 run, $3 phase.
inline constexpr io::Query kSetPhase{"set_phase", R"sql(
    update pghaul.job
       set phase = $3,
           updated_at = pg_catalog.clock_timestamp(),
           finished_at = case when $3 = 'done' then pg_catalog.clock_timestamp() end
     where job = $1
       and run = $2::pg_catalog.int8
)sql"};

/// $1 job, $2 snapshot.
inline constexpr io::Query kAddSnapshot{"add_snapshot", R"sql(
    insert into pghaul.snapshot (job, number, snapshot)
    select $1, coalesce(pg_catalog.max(number), 0) + 1, $2
      from pghaul.snapshot
     where job = $1
 returning number
)sql"};

/// $1 job. Rows: number, what it shows.
inline constexpr io::Query kReadSnapshots{"read_snapshots", R"sql(
    select number, snapshot from pghaul.snapshot where job = $1
)sql"};

/// $1 job. Row: the snapshot from which changes are still to be applied: the last window's, else
/// the oldest that the copy used.
inline constexpr io::Query kDeltaFrom{"delta_from", R"sql(
    select coalesce(j.delta_from,
                    (select s.snapshot
                       from pghaul.snapshot as s
                      where s.job = j.job
                      order by s.number
                      limit 1))
      from pghaul.job as j
     where j.job = $1
)sql"};

/// $1 job, $2 run, $3 snapshot, $4 delta rows. Runs in the transaction that applies the window
/// (invariant 7). Affects no row if another run has taken the job over.
inline constexpr io::Query kMarkWindow{"mark_window", R"sql(
    update pghaul.job
       set delta_from = $3,
           delta_at = pg_catalog.clock_timestamp(),
           delta_rows = delta_rows + $4::pg_catalog.int8,
           windows = windows + 1
     where job = $1
       and run = $2::pg_catalog.int8
)sql"};

/// $1 job, $2 run, $3 pause in ms, or null to take the mark away.
inline constexpr io::Query kMarkCutover{"mark_cutover", R"sql(
    update pghaul.job
       set cutover_at = case when $3::pg_catalog.int8 is not null then pg_catalog.clock_timestamp() end,
           cutover_pause_ms = $3::pg_catalog.int8
     where job = $1
       and run = $2::pg_catalog.int8
)sql"};

/// $1 job, $2 step, $3 seconds, $4 finished.
inline constexpr io::Query kAddStep{"add_step", R"sql(
    insert into pghaul.step as s (job, step, seconds, finished_at)
    values ($1, $2, $3::pg_catalog.float8,
            case when $4::pg_catalog.bool then pg_catalog.clock_timestamp() end)
        on conflict (job, step) do update
       set seconds = s.seconds + excluded.seconds,
           finished_at = coalesce(excluded.finished_at, s.finished_at)
)sql"};

/// $1 job, $2 step, $3 entries made, $4 finished. Runs in the transaction that makes the entries.
inline constexpr io::Query kMarkStep{"mark_step", R"sql(
    insert into pghaul.step as s (job, step, entries_done, finished_at)
    values ($1, $2, $3::pg_catalog.int8,
            case when $4::pg_catalog.bool then pg_catalog.clock_timestamp() end)
        on conflict (job, step) do update
       set entries_done = excluded.entries_done,
           finished_at = excluded.finished_at
)sql"};

/// $1 job. Rows: step, entries made, whether it is finished, seconds; in order of their end.
inline constexpr io::Query kReadSteps{"read_steps", R"sql(
    select step, entries_done, finished_at is not null, seconds
      from pghaul.step
     where job = $1
     order by finished_at nulls last, step
)sql"};

/// $1 job, $2 subject, $3 message.
inline constexpr io::Query kNoteProblem{"note_problem", R"sql(
    insert into pghaul.problem (job, subject, message)
    values ($1, $2, $3)
        on conflict (job, subject) do update
       set message = excluded.message, noted_at = pg_catalog.clock_timestamp()
)sql"};

/// $1 job, $2 subject.
inline constexpr io::Query kForgetProblem{"forget_problem", R"sql(
    delete from pghaul.problem where job = $1 and subject = $2
)sql"};

inline constexpr io::Query kListProblems{"list_problems", R"sql(
    select subject, message from pghaul.problem where job = $1 order by subject
)sql"};

/// $1 job. One row of totals for status.
inline constexpr io::Query kTotals{"totals", R"sql(
    select (select pg_catalog.count(*) from pghaul.table_plan where job = $1),
           (select pg_catalog.count(*)
              from pghaul.table_plan as t
             where t.job = $1
               and not exists (
                   select 1
                     from pghaul.chunk as c
                    where c.job = t.job
                      and c.table_number = t.number
                      and c.loaded_at is null)),
           (select pg_catalog.count(*)
              from pghaul.table_plan
             where job = $1
               and finished_at is not null),
           pg_catalog.count(*),
           pg_catalog.count(c.loaded_at),
           coalesce(pg_catalog.sum(c.bytes), 0)::pg_catalog.int8,
           coalesce(pg_catalog.sum(c.bytes) filter (where c.loaded_at is not null), 0)
               ::pg_catalog.int8,
           coalesce(pg_catalog.sum(c.rows), 0)::pg_catalog.int8,
           coalesce(pg_catalog.sum(c.sent_bytes), 0)::pg_catalog.int8,
           (select pg_catalog.count(*) from pghaul.snapshot where job = $1),
           (select pg_catalog.date_trunc('second', pg_catalog.min(taken_at))::pg_catalog.text
              from pghaul.snapshot
             where job = $1)
      from pghaul.chunk as c
     where c.job = $1
)sql"};

/// $1 job.
inline constexpr io::Query kDeleteJob{"delete_job", R"sql(
    delete from pghaul.job where job = $1
)sql"};

inline constexpr io::Query kDropJournalIfEmpty{"drop_journal_if_empty", R"sql(
    do $$
    begin
        if not exists (select 1 from pghaul.job) then
            drop schema pghaul cascade;
        end if;
    end
    $$
)sql"};

/// Statements that a server can prepare once the journal exists.
inline constexpr std::array kJournalQueries = {
    kJournalExists, kTryLockJob,  kLockHolder, kEndLeftovers,  kReadJob,     kListJobs,
    kInsertJob,     kBeginRun,    kSetPhase,   kAddSnapshot,   kAddStep,     kMarkStep,
    kReadSteps,     kNoteProblem, kDeltaFrom,  kMarkWindow,    kMarkCutover, kForgetProblem,
    kListProblems,  kTotals,      kDeleteJob,  kReadSnapshots,
};

}  // namespace pghaul::snapshot

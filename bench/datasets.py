"""The sets of test data, the databases they go into, and whether a copy has everything."""

import os
import shutil
import sys
import time

from servers import DATABASE, REPOSITORY

# Name: the file that makes it, and what one reads in --help.
SETS = {
    "mixed": ("dataset.sql", "five large tables of all kinds and 112 others, 3 GB"),
    "plain": ("dataset.sql", "mixed without names in quotes, at which pgcopydb 0.10 fails"),
    "huge-table": ("huge_table.sql", "one table of mixed columns with a key and two indexes, 1.2 GB"),
    "wide-bytea": ("wide_bytea.sql", "bytea of 2 to 200 kB and some of 1 to 5 MB that does not compress, 1 GB"),
    "many-tables": ("many_tables.sql", "--tables of ten rows and a key each"),
}

PLAIN = """
set client_min_messages = warning;
drop schema "Mixed Case" cascade;
"""

# Whether a run copied everything: tables, indexes, constraints, and rows, counted exactly. What tools make
# for themselves is not counted.
CONTENTS = """
select
    count(*) filter (where relkind = 'r'),
    count(*) filter (where relkind in ('i', 'I')),
    (select count(*) from pg_constraint where connamespace::regnamespace::text not in ('pghaul', 'bucardo')),
    sum((xpath('/row/n/text()', query_to_xml(
        format('select count(*) as n from only %s', c.oid::regclass), false, true, '')))[1]::text::bigint)
        filter (where relkind = 'r')
from pg_class c join pg_namespace n on n.oid = relnamespace
where nspname !~ '^pg_' and nspname not in ('information_schema', 'pghaul', 'bucardo')
"""
CONTENTS_NAMES = ("tables", "indexes", "constraints", "rows")


def contents(server):
    counts = server.psql("-c", CONTENTS).split("|")
    return {name: int(count or 0) for name, count in zip(CONTENTS_NAMES, counts)}


def add_options(parser, several_scales=False):
    parser.add_argument("--set", choices=SETS, default="mixed", help="; ".join(
        f"{name}: {text}" for name, (_, text) in SETS.items()) + "; sizes at scale 1")
    if several_scales:
        parser.add_argument("--scale", type=float, action="append", help="given several times, one after the other; "
                            "default 1")
    else:
        parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--tables", type=int, default=5000, help="of many-tables, at scale 1")


def fill(source, args, scale=None):
    """Loads the data unless the cluster holds it already; the database's comment tells. Returns their name."""
    scale = args.scale if scale is None else scale
    tables = max(1, round(args.tables * scale))
    wanted = f"set={args.set} " + (f"tables={tables}" if args.set == "many-tables" else f"scale={scale:g}")
    described = source.psql("-c", "select shobj_description(oid, 'pg_database') from pg_database"
                            f" where datname = '{DATABASE}'", database="postgres")
    if described == wanted:
        return wanted
    if not source.is_new:
        sys.exit(f"{source.data} holds '{described}', not '{wanted}'")
    print(f"filling the source: {wanted}", flush=True)
    source.psql("-c", f"drop database if exists {DATABASE} with (force)", "-c",
                f"create database {DATABASE}", database="postgres")
    source.psql("-v", f"tables={tables}", "-v", f"scale={scale:g}", "-f",
                REPOSITORY / "bench" / SETS[args.set][0])
    if args.set == "plain":
        source.psql(sql=PLAIN)
    source.psql("-c", f"comment on database {DATABASE} is '{wanted}'")
    return wanted


def fresh_target(source, target, dump, keep_files=False):
    """keep_files: the database and the dump of the run before are put aside, not deleted. ext4 gives out no inode
    that was freed in the last minutes, so thousands of them make each new file of the next run dearer."""
    if keep_files:
        aside = f"aside_{time.time_ns()}"
        if target.psql("-c", f"select 1 from pg_database where datname = '{DATABASE}'", database="postgres"):
            target.psql("-c", f"alter database {DATABASE} rename to {aside}", database="postgres")
        if dump.exists():
            dump.rename(dump.with_name(aside))
    else:
        target.psql("-c", f"drop database if exists {DATABASE} with (force)", database="postgres")
        shutil.rmtree(dump, ignore_errors=True)
    target.psql("-c", f"create database {DATABASE}", database="postgres")
    os.sync()
    for server in (source, target):
        server.psql("-c", "checkpoint", database="postgres")

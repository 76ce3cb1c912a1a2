"""Other ways to copy a database, as bench/compare runs them: what each needs, calls and leaves behind."""

import os
import pathlib
import shlex
import shutil
import signal
import time

from servers import BIN, REPOSITORY

PACKAGES = """The rivals pgcopydb, pgloader and bucardo are packages of Debian 12:
  apt-get install -y --no-install-recommends pgcopydb pgloader bucardo postgresql-plperl-15
(plperl, which only bucardo needs, in the very version of postgresql-15). One that is not installed is skipped."""


def analyze(bench, args):
    return [BIN / "vacuumdb", "-q", "--analyze-only", "-j", str(args.jobs), "-d", bench.target.conninfo()]


class Rival:
    """One way to copy the database."""

    name = ""
    about = ""  # how it is run, and what it leaves out by its nature
    programs = ()
    may_differ = False  # what it does not copy, and that it fails, is noted and no error
    cannot = {}  # sets of data that it stops at, and why

    def missing(self):
        return [program for program in self.programs if not shutil.which(program)]

    def settings_of(self, args):
        """By side, settings of the servers that it needs; all tools of the run then have them."""
        return {}

    def prepare(self, bench, args):
        """Before each run, not timed."""

    def commands(self, bench, args):
        raise NotImplementedError

    def clean_up(self, bench):
        """After each run, also a failed one: nothing of it may burden the next tool."""


class Haul(Rival):
    about = "pghaul run --no-capture with --pghaul-jobs, else --jobs"

    def __init__(self, name, options):
        self.name = name
        self.options = shlex.split(options)

    def commands(self, bench, args):
        return [bench.pghaul("run", "--no-capture", "-j", str(args.pghaul_jobs or args.jobs), *self.options)]


class PgDump(Rival):
    name = "pg_dump"
    about = "pg_dump -Fd, pg_restore, vacuumdb --analyze-only, each with --jobs"

    def commands(self, bench, args):
        dump, jobs = bench.work / "dump", str(args.jobs)
        return [[BIN / "pg_dump", "-Fd", "-j", jobs, *shlex.split(args.dump_args), "-f", dump, "-d",
                 bench.source.conninfo()],
                [BIN / "pg_restore", "-j", jobs, "-d", bench.target.conninfo(), dump],
                analyze(bench, args)]


class Pipes(Rival):
    name = "pipes"
    about = ("psql | psql in binary, --jobs at a time, largest first; pg_restore of the rest; ANALYZE. Every table as of "
             "another moment; no large objects, no sequences' values")

    def commands(self, bench, args):
        return [[REPOSITORY / "bench/pipes", bench.source.conninfo(), bench.target.conninfo(), str(args.jobs)]]


class Pgcopydb(Rival):
    name = "pgcopydb"
    about = "pgcopydb clone; it runs VACUUM ANALYZE on each table itself, so no ANALYZE follows"
    programs = ("pgcopydb",)
    may_differ = True
    cannot = {"mixed": "version 0.10 fails at a table's name with a quote in it (take --set plain)"}

    def prepare(self, bench, args):
        shutil.rmtree(bench.work / "pgcopydb", ignore_errors=True)

    def commands(self, bench, args):
        return [["pgcopydb", "clone", "--source", bench.source.uri(), "--target", bench.target.uri(),
                 "--dir", bench.work / "pgcopydb", *shlex.split(args.pgcopydb_args)]]


class Pgloader(Rival):
    name = "pgloader"
    about = ("rows by pgloader, schema by pg_dump and pg_restore, ANALYZE (bench/pgloader_rows). No large objects, no "
             "sequences' values")
    programs = ("pgloader",)
    may_differ = True
    cannot = dict.fromkeys(("mixed", "plain"), "version 3.6.9 stops while it reads the catalogue of this set, whose tables have "
                           "partitions, generated columns and other kinds of indexes")

    def commands(self, bench, args):
        return [[REPOSITORY / "bench/pgloader_rows", bench.source.uri(), bench.target.uri(), str(args.jobs)]]


class Logical(Rival):
    name = "logical"
    about = ("initial copy of logical replication: tables and keys, then the copy with --jobs sync workers, then the other "
             "indexes, foreign keys and triggers, ANALYZE (bench/logical). No large objects, no sequences' values")

    def settings_of(self, args):
        return {"source": {"wal_level": "logical"},
                "target": {"max_sync_workers_per_subscription": str(args.jobs),
                           "max_logical_replication_workers": str(args.jobs + 2),
                           "max_worker_processes": str(args.jobs + 8)}}

    def commands(self, bench, args):
        return [[REPOSITORY / "bench/logical", bench.source.conninfo(), bench.target.conninfo(), str(args.jobs)]]

    def clean_up(self, bench):
        # A slot that is left would keep the source's WAL, and stop a kept cluster from starting as usual.
        if bench.target.psql("-c", "select subname from pg_subscription"):
            bench.target.psql("-c", "drop subscription pghaul_bench")
        bench.source.psql("-c", "drop publication if exists pghaul_bench")


class Bucardo(Rival):
    name = "bucardo"
    about = ("Bucardo's onetimecopy, one connection a side: tables and keys before, other indexes, foreign keys and triggers "
             "after, ANALYZE (bench/bucardo); its installation is not timed. Only tables with a primary key and without "
             "quotes in names; no large objects, no sequences' values")
    programs = ("bucardo",)
    may_differ = True

    def missing(self):
        plperl = pathlib.Path("/usr/lib/postgresql/15/lib/plperl.so")
        return super().missing() + ([] if plperl.exists() else ["postgresql-plperl-15"])

    def control(self, bench, *words):
        bench.run(["bucardo", "--dbhost", bench.target.address, "--dbport", str(bench.target.port),
                   "--dbuser", "postgres", *words])

    def prepare(self, bench, args):
        folder = bench.work / "bucardo"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.control(bench, "install", "--batch", "--dbname", "postgres", "--piddir", folder)
        self.control(bench, "set", "--dbname", "bucardo", f"reason_file={folder}/reason",
                     f"log_conflict_file={folder}/conflict")

    def commands(self, bench, args):
        return [["env", f"PGHOST={bench.target.address}", f"PGPORT={bench.target.port}", REPOSITORY / "bench/bucardo",
                 bench.source.conninfo(), bench.target.conninfo(), str(args.jobs), bench.work / "bucardo"]]

    @staticmethod
    def daemons(folder):
        for file in folder.glob("*.pid"):
            words = file.read_text().split()
            try:
                if b"ucardo" in pathlib.Path(f"/proc/{int(words[0])}/cmdline").read_bytes():
                    yield int(words[0])
            except (OSError, ValueError, IndexError):
                continue  # it has ended

    def clean_up(self, bench):
        folder = bench.work / "bucardo"
        (folder / "fullstopbucardo").touch()
        patience = time.monotonic() + 30
        while list(self.daemons(folder)) and time.monotonic() < patience:
            time.sleep(0.2)
        for pid in self.daemons(folder):
            os.kill(pid, signal.SIGKILL)
        bench.target.psql("-c", "drop database if exists bucardo with (force)", "-c", "drop role if exists bucardo",
                          database="postgres")
        bench.source.psql("-c", "set client_min_messages = warning", "-c", "drop schema if exists bucardo cascade")


RIVALS = {rival.name: rival for rival in (PgDump(), Pipes(), Pgcopydb(), Pgloader(), Bucardo(), Logical())}

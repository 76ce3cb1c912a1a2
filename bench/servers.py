"""What the measuring programs here share: throwaway servers, and where figures go (what a command costs: costs.py).

Servers run on this machine with the settings below and defaults otherwise (fsync and autovacuum on).
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import pwd
import random
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from costs import BIN, TICK_S, cpu_ticks, processes

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
DATABASE = "bench"
SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_locks_per_transaction": "256",  # pg_dump locks every table at once
}


def server_user():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def free_port():
    """Below the kernel's range for outgoing connections."""
    while True:
        port = random.randint(15000, 30000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Server:
    def __init__(self, data, socket_dir, address="127.0.0.1", settings=None):
        """settings: more of them than SETTINGS, or others."""
        self.address = address
        self.data = pathlib.Path(data)
        self.port = free_port()
        self.is_new = not (self.data / "PG_VERSION").exists()
        if self.is_new:
            self.data.mkdir(parents=True, exist_ok=True)
            if server_user():
                shutil.chown(self.data, "postgres", "postgres")
            subprocess.run([BIN / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust",
                            "-E", "UTF8", "--locale=C.UTF-8"],
                           check=True, stdout=subprocess.DEVNULL, cwd="/", **server_user())
            if address != "127.0.0.1":
                with open(self.data / "pg_hba.conf", "a") as rules:
                    rules.write("host all all samenet trust\n")
        options = [word for name, value in {**SETTINGS, **(settings or {})}.items()
                   for word in ("-c", f"{name}={value}")]
        with open(f"{socket_dir}/server-{self.port}.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command(BIN / "postgres", "-D", self.data, "-p", str(self.port), "-k", socket_dir,
                             "-c", f"listen_addresses={address}", *options),
                stdout=log, stderr=log, cwd="/", start_new_session=True, **self.popen_options())
        while subprocess.run([BIN / "pg_isready", "-q", "-h", address, "-p",
                              str(self.port)]).returncode != 0:
            if self.process.poll() is not None:
                sys.exit(f"server did not start, see {log.name}")
            time.sleep(0.1)

    def command(self, *words):
        return list(words)

    def popen_options(self):
        return server_user()

    def conninfo(self, database=DATABASE):
        return f"host={self.address} port={self.port} user=postgres dbname={database}"

    def uri(self, database=DATABASE):
        return f"postgresql://postgres@{self.address}:{self.port}/{database}"

    def psql(self, *arguments, database=DATABASE, sql=None):
        """Runs psql, on the statements of sql if they are given; returns what it prints."""
        done = subprocess.run([BIN / "psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d",
                               self.conninfo(database), *arguments],
                              input=sql, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"psql on port {self.port}: {done.stderr.strip()}")
        return done.stdout.strip()

    def fingerprints(self, database=DATABASE):
        """Per table of the database: rows|hash of the rows."""
        lines = self.psql("-f", REPOSITORY / "bench/fingerprints.sql", database=database).split("\n")
        return dict(line.split("|", 1) for line in lines)

    def cpu_s(self):
        """CPU time of the whole server; that of backends that ended is the postmaster's cutime."""
        while True:
            before = cpu_ticks(self.process.pid)
            total = before + sum(ticks for _, parent, ticks in processes() if parent == self.process.pid)
            # A backend that ends meanwhile would be counted twice or not at all.
            if cpu_ticks(self.process.pid) == before:
                return total * TICK_S

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


class Bench:
    """A folder and the servers of one measuring program; all gone at the end of `with`."""

    def __init__(self, args, source_data=None, sides=("source", "target"), make=None, settings=None):
        """make: how a side's server is made from data and socket folder, where not as usual.
        settings: a side's settings beside SETTINGS."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.args = args
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="pghaul-bench-", dir=args.work))
        self.servers = []
        self.settings = settings or {}

        def usual(side):
            return lambda data, sockets: Server(data, sockets, settings=self.settings.get(side))
        try:
            if server_user():
                shutil.chown(self.work, "postgres", "postgres")
            for side in sides:
                data = source_data if source_data and side == "source" else self.work / side
                server = (make or {}).get(side, usual(side))(pathlib.Path(data).resolve(), self.work)
                self.servers.append(server)
                setattr(self, side, server)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.work, ignore_errors=True)

    def create_databases(self):
        for server in self.servers:
            server.psql("-c", f"create database {DATABASE}", database="postgres")

    def checkpoint(self):
        os.sync()
        for server in self.servers:
            server.psql("-c", "checkpoint", database="postgres")

    def pghaul(self, command, *options):
        """The command line of a pghaul command on both sides."""
        return [self.args.pghaul, command, *options, "--source", self.source.conninfo(),
                "--target", self.target.conninfo()]

    @staticmethod
    def run(command):
        """Runs it, quietly; ends this program with its last words if it fails. Returns its output."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{shlex.join(map(str, command))} ended with {done.returncode}: "
                     f"{done.stdout}{done.stderr}")
        return done.stdout

    def differences(self):
        """Names of the tables that are not the same on both sides."""
        left, right = (server.fingerprints() for server in self.servers)
        return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))

    def header(self, **more):
        """What every file of results begins with."""
        return {"when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "commit": commit(), "machine": machine(), "settings": SETTINGS, **({"settings_of": self.settings} if self.settings else {}), **more}


def machine():
    def first(path, key):
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
        return "unknown"
    return {"cpu": first("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "memory": first("/proc/meminfo", "MemTotal"), "kernel": platform.release(),
            "server": subprocess.check_output([BIN / "postgres", "--version"], text=True).strip()}


def commit():
    def git(*arguments):
        return subprocess.run(["git", "-C", REPOSITORY, *arguments], capture_output=True,
                              text=True).stdout.strip()
    return (git("rev-parse", "HEAD") or "none") + ("-dirty" if git("status", "--porcelain") else "")


def write_results(name, results):
    """Writes bench/results/<name>-<time>.json, says so and returns its path."""
    folder = REPOSITORY / "bench/results"
    folder.mkdir(exist_ok=True)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"{name}-{stamp}.json"
    write_file(path, json.dumps(results, indent=2) + "\n")
    return path


def write_file(path, text):
    """Whole or not at all; commands in it as one would type them in the checkout."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(text.replace(f"{REPOSITORY}/", ""))
    unfinished.rename(path)
    print(f"written: {path.relative_to(REPOSITORY)}")


def spread(values):
    """Median, least and greatest."""
    return {"median": round(statistics.median(values), 3), "least": round(min(values), 3),
            "greatest": round(max(values), 3)}


def argument_parser(description):
    """With the options that every program here has."""
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pghaul", default=REPOSITORY / "build/release/pghaul")
    parser.add_argument("--work", help="where clusters and files go (default: the temporary folder)")
    return parser


def parse(parser):
    args = parser.parse_args()
    if not os.access(args.pghaul, os.X_OK):
        parser.error(f"{args.pghaul} is not there: build it or name it with --pghaul")
    return args

"""The writers of the measuring programs: pgbench on the source."""

import re
import subprocess
import sys

from servers import BIN, DATABASE


def fill(bench, scale, *options, database=DATABASE):
    """Makes pgbench's tables on the source, 100,000 accounts per unit of scale."""
    bench.run([BIN / "pgbench", "-i", "-q", "-s", str(scale), *options, bench.source.conninfo(database)])


class Writers:
    """One pgbench that runs beside this program. It ends by itself, or at stop()."""

    def __init__(self, bench, name, *options, database=DATABASE):
        self.name = name
        self.log = bench.work / f"{name}.log"
        self.file = open(self.log, "w")
        self.process = subprocess.Popen([BIN / "pgbench", "-n", *map(str, options),
                                         bench.source.conninfo(database)],
                                        stdin=subprocess.DEVNULL, stdout=self.file,
                                        stderr=subprocess.STDOUT, cwd=bench.work)

    def running(self):
        return self.process.poll() is None

    def stop(self):
        if self.running():
            self.process.terminate()
        self.process.wait()
        self.file.close()

    def wait(self):
        """Until it has ended by itself. Returns its figures; ends this program if it failed."""
        self.process.wait()
        self.file.close()
        text = self.log.read_text()
        if self.process.returncode != 0:
            sys.exit(f"pgbench {self.name} ended with {self.process.returncode}: {text}")
        return {"tps": float(re.search(r"^tps = ([0-9.]+)", text, re.M)[1]),
                "transactions": int(re.search(r"processed: (\d+)", text)[1])}

    def errors(self):
        """The servers' error messages so far."""
        return re.findall(r"(?:ERROR|FATAL|PANIC): .*", self.log.read_text())

    def progress(self):
        """Of a pgbench with -P: (seconds since its start, transactions per second)."""
        return [(float(at), float(tps)) for at, tps in
                re.findall(r"^progress: ([0-9.]+) s, ([0-9.]+) tps", self.log.read_text(), re.M)]

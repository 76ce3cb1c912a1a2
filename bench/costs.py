"""What commands cost: wall time, CPU of clients and servers, idle CPU of the machine, memory; all from /proc."""

import ctypes
import os
import pathlib
import shlex
import signal
import subprocess
import time

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
PR_SET_CHILD_SUBREAPER = 36
MEMORY_LOOK_S = 0.25  # a look at all processes takes some milliseconds
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def process_stat(pid):
    """Parent's pid, CPU ticks (own and of ended children)."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    fields = stat[stat.rindex(")") + 2:].split()
    return int(fields[1]), sum(int(ticks) for ticks in fields[11:15])


def cpu_ticks(pid):
    return process_stat(pid)[1]


def processes():
    """Yields pid, parent's pid, CPU ticks of every process."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            yield int(entry.name), *process_stat(entry.name)
        except OSError:
            continue


def machine_ticks():
    """All CPU ticks of the machine so far, and the idle ones among them."""
    ticks = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def peak_rss_kb(pid):
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def shared_out_kb(pid):
    """A process's memory, of pages that several have in common its share."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


class ProcessTree:
    """A process and its descendants: their most memory so far, and their CPU, also of those nobody waits for."""

    def __init__(self, root):
        self.root = root
        self.peak_kb = 0
        self.ticks = {}

    def members(self):
        children = {}
        for pid, parent, _ in processes():
            children.setdefault(parent, []).append(pid)
        found, left = [], [self.root]
        while left:
            found.append(left.pop())
            left += children.get(found[-1], [])
        return found

    def look(self):
        resident_kb = 0
        members = self.members()
        for pid in members:
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
                pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
            except OSError:
                continue  # it ended meanwhile
            fields = stat[stat.rindex(")") + 2:].split()
            self.ticks[pid] = int(fields[11]) + int(fields[12])
            resident_kb += pages * os.sysconf("SC_PAGE_SIZE") // 1024
        # Shares take the kernel longer to find, and are never more.
        if resident_kb > self.peak_kb:
            total = 0
            for pid in members:
                try:
                    total += shared_out_kb(pid)
                except OSError:
                    continue
            self.peak_kb = max(self.peak_kb, total)

    def cpu_s(self):
        return sum(self.ticks.values()) * TICK_S


class CommandFailed(SystemExit):
    """A measured command that ended with another code than 0; ends the program unless it is caught."""


def adopt_orphans():
    """So that daemons which a command starts count as its children."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run_measured(command, log, deadline):
    """Returns exit code, CPU time, peak memory in kB; kills the command at the deadline."""
    # Servers' programs of the same version come first for whatever the command calls.
    path = f"{BIN}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               env={**os.environ, "PATH": path}, start_new_session=True,
                               preexec_fn=adopt_orphans)
    tree, rss, next_look = ProcessTree(process.pid), 0, 0
    try:
        while True:
            # Not ru_maxrss: that would count this interpreter's memory before exec.
            rss = max(rss, peak_rss_kb(process.pid))
            if time.monotonic() >= next_look:
                tree.look()
                next_look = time.monotonic() + MEMORY_LOOK_S
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                raise CommandFailed(f"{command[0]} was given up: it took too long")
            time.sleep(0.02)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    # Daemons may have children that they do not wait for, whose time is then in nobody's usage.
    return process.returncode, max(usage.ru_utime + usage.ru_stime, tree.cpu_s()), max(rss, tree.peak_kb)


def measure(name, commands, servers, log, limit_s=86400):
    """Runs the commands one after the other and returns what they cost together.

    Peak memory is the largest sum over a command's processes at one moment, or the first one's own peak."""
    total, idle = machine_ticks()
    servers_cpu = sum(server.cpu_s() for server in servers)
    clients_cpu = 0
    rss = 0
    start = time.monotonic()
    for command in commands:
        log.write(f"\n$ {shlex.join(map(str, command))}\n")
        log.flush()
        code, cpu, peak = run_measured(command, log, start + limit_s)
        clients_cpu += cpu
        rss = max(rss, peak)
        if code != 0:
            tail = pathlib.Path(log.name).read_text(errors="replace").splitlines()[-30:]
            raise CommandFailed("\n".join([*tail, f"{name}: {command[0]} failed with {code}"]))
    wall = time.monotonic() - start
    total_after, idle_after = machine_ticks()
    return {
        "tool": name,
        "wall_s": round(wall, 2),
        "client_cpu_s": round(clients_cpu, 2),
        "servers_cpu_s": round(sum(server.cpu_s() for server in servers) - servers_cpu, 2),
        "idle_share": round((idle_after - idle) / max(1, total_after - total), 3),
        "client_peak_rss_mb": round(rss / 1024, 1),
    }

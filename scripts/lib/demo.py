"""The demo itself: scripts/demo builds and fetches what it needs, then runs this."""

import argparse
import contextlib
import json
import os
import pathlib
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from timeline import moment, ms, signal_times, stages, took

START_LIMIT_S = 60
ENGINE_SIZES = ["datafile_size=256M", "datafile_maxsize=1G", "log_disk_size=2G"]
ENGINE_DISK_BYTES = 3 * 700 * 1024 * 1024
SIMULATED_STOP_MS = 300


class DemoFailed(Exception):
    """The demo can't go on; the message says why."""


def say(text=""):
    print(text, flush=True)


def head(text):
    say(f"\n== {text}")


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def wait_until(what, ready, process, log):
    """Waits for `ready`, but no longer than the process lives or the limit allows."""
    deadline = time.monotonic() + START_LIMIT_S
    while not ready():
        if process.poll() is not None:
            raise DemoFailed(f"{what} ended with status {process.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what} was not ready within {START_LIMIT_S} s:\n{tail(log)}")
        time.sleep(0.05)


def tail(path, lines=20):
    return "\n".join(pathlib.Path(path).read_text(errors="replace").splitlines()[-lines:])


def greets(port):
    """Whether a MySQL-protocol server sends its greeting. An open port alone proves nothing."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as one:
            packet = one.recv(64)
            return len(packet) > 5 and packet[4] == 10
    except OSError:
        return False


class Engine:
    """One database server process. Notes the moment at which it ends, as its parent sees it."""

    def __init__(self, engine, directory, sql_port):
        self.base_dir = directory
        self.sql_port = sql_port
        self.ended_at = None
        directory.mkdir()
        self.log = directory.with_suffix(".log")
        package = pathlib.Path(engine) / "pylibseekdb"
        command = [package / "seekdb", "--nodaemon", "-P", str(sql_port), "--base-dir", directory]
        for size in ENGINE_SIZES:
            command += ["--parameter", size]
        libraries = f"{package}:{engine}/pylibseekdb.libs"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "LD_LIBRARY_PATH": libraries},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self):
        self.process.wait()
        self.ended_at = time.time()

    def greets(self):
        return greets(self.sql_port)

    def is_gone(self):
        """Whether the process was reaped and nothing answers on its port any more."""
        return self.ended_at is not None and not self.greets()


class Demo:
    def __init__(self, options, directory, stack):
        self.options = options
        self.directory = directory
        self.stack = stack
        self.password = secrets.token_hex(8)
        self.grpc, self.rest, self.admin = free_ports(3)
        self.engines = []

    def start_engines(self):
        head("three database servers, one a zone")
        if shutil.disk_usage(self.directory).free < ENGINE_DISK_BYTES:
            raise DemoFailed(f"{self.directory} has less than 2 GiB free; set TMPDIR to another place")
        for number, port in enumerate(free_ports(3), start=1):
            engine = Engine(self.options.engine, self.directory / f"ob{number}", port)
            self.stack.callback(end, engine.process)
            self.engines.append(engine)
        for number, engine in enumerate(self.engines, start=1):
            wait_until(f"server {number}", engine.greets, engine.process, engine.log)
            say(f"zone{number}: pid {engine.process.pid}, port {engine.sql_port}, {engine.base_dir}")

    def start_slacktide(self):
        head("slacktide serve")
        log = self.directory / "slacktide.log"
        command = [
            self.options.binary,
            "serve",
            *("--data-dir", str(self.directory / "data")),
            *("--grpc-listen", f"127.0.0.1:{self.grpc}"),
            *("--rest-listen", f"127.0.0.1:{self.rest}"),
            *("--admin-listen", f"127.0.0.1:{self.admin}"),
        ]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "SLACKTIDE_ADMIN_PASSWORD": self.password},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.stack.callback(end, self.process)
        self.log = log
        wait_until("slacktide serve", self.is_ready, self.process, log)
        say(f"gRPC 127.0.0.1:{self.grpc}, REST 127.0.0.1:{self.rest}, admin 127.0.0.1:{self.admin}")

    def is_ready(self):
        url = f"http://127.0.0.1:{self.admin}/readyz"
        command = ["curl", "--silent", "--fail", "--max-time", "2", "--output", "/dev/null", url]
        return subprocess.run(command).returncode == 0

    def environment(self):
        return {
            **os.environ,
            "SLACKTIDE_ENDPOINT": f"http://127.0.0.1:{self.grpc}",
            "SLACKTIDE_USER": "admin",
            "SLACKTIDE_PASSWORD": self.password,
            "OB_ROOT_PASSWORD": "",
        }

    def command_line(self, *arguments):
        """Runs a client verb and returns the JSON that it prints."""
        command = [self.options.binary, *arguments, "-o", "json"]
        done = subprocess.run(command, env=self.environment(), stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise DemoFailed(f"slacktide {shlex.join(arguments)} ended with {done.returncode}")
        return json.loads(done.stdout)

    def register(self, name, ob_cluster_id, drivers, with_sql):
        """Registers a cluster with one server a zone. `drivers` holds (sql_port, driver) pairs."""
        sql = '[sql]\nuser = "root"\npassword_env = "OB_ROOT_PASSWORD"\n' if with_sql else ""
        text = f'name = "{name}"\nob_cluster_id = {ob_cluster_id}\n{sql}'
        for number, (sql_port, driver) in enumerate(drivers, start=1):
            text += f'[[zones]]\nname = "zone{number}"\n  [[zones.servers]]\n  ip = "127.0.0.1"\n'
            text += f"  sql_port = {sql_port}\n  rpc_port = {sql_port + 1}\n  driver = {driver}\n"
        file = self.directory / f"{name}.toml"
        file.write_text(text)
        return self.command_line("cluster", "register", "-f", str(file))["id"], file

    def drivers(self):
        if self.options.simulated:
            return simulated_drivers(2881, SIMULATED_STOP_MS)
        return [
            (engine.sql_port, f'{{ kind = "process", base_dir = "{engine.base_dir}" }}')
            for engine in self.engines
        ]

    def curl(self, method, path, body=None):
        """Sends a call with curl; returns the status, the seconds it took and the answer."""
        url = f"http://127.0.0.1:{self.rest}{path}"
        call = ["-X", method, url]
        if body is not None:
            call += ["-H", "content-type: application/json", "--data", json.dumps(body)]
        if method == "POST":
            say(f"$ curl -u admin:… {shlex.join(call)}")
        command = ["curl", "--silent", "--show-error", "--max-time", "30"]
        command += ["--user", f"admin:{self.password}", *call]
        command += ["--write-out", "\n%{http_code} %{time_total}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise DemoFailed(f"curl ended with {done.returncode}")
        answer, _, numbers = done.stdout.rpartition("\n")
        status, seconds = numbers.split()
        return int(status), float(seconds), json.loads(answer)

    def stop(self, cluster):
        head("the documented call")
        body = {"mode": self.options.mode} if self.options.mode else None
        status, seconds, answer = self.curl("POST", f"/api/v2/ob/clusters/{cluster}/stop", body)
        say(f"HTTP {status} after {seconds * 1000:.1f} ms")
        say(json.dumps(trimmed(answer), indent=2, ensure_ascii=False))
        if status != 200:
            raise DemoFailed("the call was refused")
        return answer["data"]["id"], seconds

    def watch(self, task):
        head(f"slacktide task watch {task}")
        done = subprocess.run([self.options.binary, "task", "watch", str(task)], env=self.environment())
        if done.returncode != 0:
            raise DemoFailed(f"the task did not end SUCCESSFUL (task watch ended with {done.returncode})")

    def prove(self, cluster):
        head("proof")
        for engine in self.engines:
            # The kernel tells of an end through wait(); this script's thread may learn of it a moment later.
            deadline = time.monotonic() + 2
            while not engine.is_gone() and time.monotonic() < deadline:
                time.sleep(0.01)
            pid = engine.process.pid
            if not engine.is_gone():
                raise DemoFailed(f"process {pid} is still there")
            say(f"pid {pid} is gone: {ending(engine.process.returncode)}; port {engine.sql_port} is closed")
        _, _, answer = self.curl("GET", f"/api/v2/ob/clusters/{cluster}")
        status = answer["data"]["status"]
        say(f"cluster {cluster} is {status}")
        if status != "STOPPED":
            raise DemoFailed(f"cluster {cluster} is {status}, not STOPPED")

    def logs(self, task, subtasks):
        """The logs of subtasks, joined."""
        path = f"/api/v2/tasks/instances/{task}/subtasks"
        answers = [self.curl("GET", f"{path}/{subtask}/log")[2] for subtask in subtasks]
        return "\n".join(answer["data"]["log"] for answer in answers)

    def timeline(self, task, answered_s):
        shown = self.command_line("task", "get", str(task))
        subtasks = shown["subtasks"]
        accepted = moment(shown["createTime"])
        total = moment(shown["finishTime"]) - accepted
        head("timeline, ms after the task was accepted")
        say(f"{'accepted':<30}{ms(0)}     POST answered after {answered_s * 1000:.1f} ms")
        for stage in stages(subtasks):
            begin = min(moment(subtask["startTime"]) for subtask in stage) - accepted
            end_ = max(moment(subtask["finishTime"]) for subtask in stage) - accepted
            count = f" x{len(stage)}" if len(stage) > 1 else ""
            say(f"{stage[0]['name'] + count:<30}{ms(begin)} ->{ms(end_)}")
        say(f"{'total':<30}{ms(total)}")
        if self.engines:
            acts = [subtask["id"] for subtask in subtasks if subtask["name"] == "Stop observer process"]
            own = self.own_exit_time(task, acts)
            what = "the processes' own exit time"
            say(f"{what:<30}{ms(own)}     first signal (subtask logs) to last end (seen by their parent, "
                "this script)")
        else:
            own = SIMULATED_STOP_MS / 1000
            what = "simulated exit time"
            say(f"{what:<30}{ms(own)}     as registered")
        say(f"{'overhead':<30}{ms(total - own)}     total less that; slacktide is a debug build here")
        freeze = max(took(subtask) for subtask in subtasks if subtask["name"] == "Prepare stop OB zone")
        if freeze > 0:
            what = "of it, the minor freeze"
            say(f"{what:<30}{ms(freeze)}     the database's own work before a graceful stop")

    def own_exit_time(self, task, acts):
        """From the first signal to the end of the last process, in seconds.

        The signals' moments come from the subtask logs, the ends from this script: it is the parent of the
        processes, so the kernel tells it at once, and slacktide has no part in it.
        """
        signals = signal_times(self.logs(task, acts))
        if not signals:
            raise DemoFailed("the subtask logs name no signal")
        return max(engine.ended_at for engine in self.engines) - min(signals)

    def keep(self):
        playground, _ = self.register("playground", 2, simulated_drivers(12881, 3000), with_sql=False)
        user = f"admin:{self.password}"
        rest = f"http://127.0.0.1:{self.rest}"
        binary = shlex.quote(str(self.options.binary))
        head("left running")
        say(f"Cluster {playground} is another one, simulated, for you to stop. Try:\n")
        say(f"curl -u {user} {rest}/api/v2/ob/clusters")
        say(f"curl -u {user} -X POST {rest}/api/v2/ob/clusters/{playground}/stop")
        say(f"curl -u {user} {rest}/api/v2/tasks/instances")
        say(f"curl http://127.0.0.1:{self.admin}/metrics\n")
        say(f"export SLACKTIDE_ENDPOINT=http://127.0.0.1:{self.grpc} SLACKTIDE_USER=admin "
            f"SLACKTIDE_PASSWORD={self.password}")
        say(f"{binary} cluster list\n")
        say(f"grpcurl -plaintext 127.0.0.1:{self.grpc} list")
        say(f"grpcurl -plaintext 127.0.0.1:{self.grpc} describe slacktide.v1.ClusterService.StopCluster")
        say(f"grpcurl -plaintext 127.0.0.1:{self.grpc} grpc.health.v1.Health/Check\n")
        say(f"End it: kill {self.process.pid} && rm -r {shlex.quote(str(self.directory))}")
        self.stack.pop_all()

    def run(self):
        if not self.options.simulated:
            self.start_engines()
        self.start_slacktide()
        head("register")
        cluster, file = self.register("ob_demo", 1, self.drivers(), with_sql=bool(self.engines))
        say(f"$ slacktide cluster register -f {file.name}\n{file.read_text()}-> cluster {cluster}")
        task, answered_s = self.stop(cluster)
        self.watch(task)
        self.prove(cluster)
        self.timeline(task, answered_s)
        if self.options.keep:
            self.keep()


def simulated_drivers(first_port, stop_ms):
    driver = f'{{ kind = "simulated", stop_ms = {stop_ms} }}'
    return [(first_port + 10 * number, driver) for number in range(3)]


def end(process):
    """Ends a child of this script, if it still lives."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=25)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ending(returncode):
    return f"exit {returncode}" if returncode >= 0 else f"ended by {signal.Signals(-returncode).name}"


def trimmed(answer):
    """The answer with only the first of the task's subtasks."""
    tasks = answer.get("data", {}).get("tasks", [])
    if len(tasks) > 1:
        tasks[1:] = [f"… and {len(tasks) - 1} more"]
    return answer


def parse():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--binary", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--mode", choices=["GRACEFUL", "IMMEDIATE"])
    return parser.parse_args()


def main():
    options = parse()
    # An end from outside cleans up like any other: SystemExit unwinds the stack.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(tempfile.mkdtemp(prefix="slacktide-demo-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        try:
            Demo(options, directory, stack).run()
        except DemoFailed as error:
            say(f"\nerror: {error}")
            return 1
        except KeyboardInterrupt:
            return 130
    say("\nthe demo is done")
    return 0


if __name__ == "__main__":
    sys.exit(main())

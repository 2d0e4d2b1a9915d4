"""Behaves to lock, ports and signals like a database server; run by a Python whose file is named like one."""

import argparse
import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct
import threading
import time

options = argparse.ArgumentParser()
options.add_argument("--lock", choices=["record", "ofd", "none"], default="record")
options.add_argument("--listen", type=int, action="append", default=[])
options.add_argument("--open")
options.add_argument("--base", default=".")
options.add_argument("--ignore", action="append", default=[])
options.add_argument("--end-main-thread", action="store_true")
options = options.parse_args()


def received(number, _frame):
    name = signal.Signals(number).name
    with open(os.path.join(options.base, "signals"), "a") as signals:
        signals.write(name + "\n")
    if name not in options.ignore:
        os._exit(0)


signal.signal(signal.SIGUSR1, received)
signal.signal(signal.SIGTERM, received)

pid_file = os.open(os.path.join(options.base, "run/seekdb.pid"), os.O_RDWR | os.O_CREAT, 0o600)
if options.lock == "record":
    fcntl.lockf(pid_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.truncate(pid_file, 0)
    os.write(pid_file, str(os.getpid()).encode())
elif options.lock == "ofd":
    F_OFD_SETLK = 37
    fcntl.fcntl(pid_file, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))

listeners = [socket.create_server(("127.0.0.1", port)) for port in options.listen]
data = open(options.open, "w") if options.open else None

print("ready", flush=True)
if options.end_main_thread:
    threading.Thread(target=lambda: time.sleep(600)).start()
    exit_thread = {"x86_64": 60, "aarch64": 93}[platform.machine()]
    ctypes.CDLL(None).syscall(exit_thread, 0)
while True:
    signal.pause()

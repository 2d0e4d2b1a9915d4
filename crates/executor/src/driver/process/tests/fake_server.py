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
options.add_argument("--base", "--base-dir", default=".")
options.add_argument("--nodaemon", action="store_true")
options.add_argument("--daemon", action="store_true")
options.add_argument("--greet", action="store_true")
options.add_argument("--die-after", type=float)
options.add_argument("--say", default="")
options.add_argument("--ignore", action="append", default=[])
options.add_argument("--linger", action="store_true", help="after a signal, end once there is a file named end")
options.add_argument("--end-main-thread", action="store_true")
options = options.parse_args()


def say_and_die():
    time.sleep(options.die_after)
    os.makedirs(os.path.join(options.base, "log"), exist_ok=True)
    with open(os.path.join(options.base, "log/seekdb.log"), "a") as log:
        log.write(f"[2026-01-01 00:00:00.000000] ERROR [SERVER] {options.say}\n")
    os._exit(7)


def greet(listener):
    greeting = b"\x0a5.7.25\0"
    while True:
        client, _ = listener.accept()
        client.sendall(struct.pack("<I", len(greeting)) + greeting)


def linger():
    while not os.path.exists(os.path.join(options.base, "end")):
        time.sleep(0.01)
    os._exit(0)


def received(number, _frame):
    name = signal.Signals(number).name
    with open(os.path.join(options.base, "signals"), "a") as signals:
        signals.write(name + "\n")
    if options.linger:
        threading.Thread(target=linger, daemon=True).start()
    elif name not in options.ignore:
        os._exit(0)


if options.daemon and os.fork() > 0:
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

if options.greet:
    for listener in listeners:
        threading.Thread(target=greet, args=[listener], daemon=True).start()
if options.die_after is not None:
    threading.Thread(target=say_and_die, daemon=True).start()

print("ready", flush=True)
if options.end_main_thread:
    threading.Thread(target=lambda: time.sleep(600)).start()
    exit_thread = {"x86_64": 60, "aarch64": 93}[platform.machine()]
    ctypes.CDLL(None).syscall(exit_thread, 0)
while True:
    signal.pause()

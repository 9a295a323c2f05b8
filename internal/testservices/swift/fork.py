"""Starts programs of OpenStack, after it has done once what all of them begin with: that is most of the seconds each takes.

It reads lines from its standard input, each the words of a command as JSON: {"id", "program", "args", "log"}. It writes a line
{"id", "pid"} for each, and another, {"id", "ended", "status"}, when the process has ended. With its own end all of them do.
Its arguments are the modules to import.
"""
import ctypes
import gc
import importlib
import json
import os
import random
import runpy
import signal
import sys
from select import select  # as it is before eventlet takes its place

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def say(**words):
    os.write(1, (json.dumps(words) + "\n").encode())


def become(program, args, log):
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_NAME, os.path.basename(program).encode())
    out = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    for descriptor in 1, 2:
        os.dup2(out, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.closerange(3, 64)
    random.seed()
    sys.argv = [program] + args
    runpy.run_path(program, run_name="__main__")


def start(id, program, args, log):
    pid = os.fork()
    if pid:
        children[pid] = id
        say(id=id, pid=pid)
        return
    status = 1
    try:
        become(program, args, log)
        status = 0
    except SystemExit as e:
        status = e.code if isinstance(e.code, int) else int(e.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def reap():
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        say(id=children.pop(pid), ended=True, status=status)


def prepare(modules):
    for module in modules:
        importlib.import_module(module)
    utils = sys.modules.get("swift.common.utils")
    for name in "eventlet_monkey_patch", "monkey_patch":  # of older versions, of newer ones
        if hasattr(utils, name):
            getattr(utils, name)()
            return


libc = ctypes.CDLL(None)
children = {}
prepare(sys.argv[1:])
gc.freeze()  # what is shared is not to be looked through by each
ended, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
signal.signal(signal.SIGCHLD, lambda *_: None)
signal.set_wakeup_fd(wake)
rest = b""
while True:
    readable, _, _ = select([0, ended], [], [])
    if ended in readable:
        os.read(ended, 4096)
        reap()
    if 0 in readable:
        read = os.read(0, 65536)
        if not read:
            sys.exit()
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            start(**json.loads(line))

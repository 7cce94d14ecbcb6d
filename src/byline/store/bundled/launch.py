"""Run as a script: becomes a PostgreSQL program that dies when Byline does.

`python -I -S launch.py UID GID PARENT_PID PROGRAM [ARGUMENT…]`, in the folder the program is to run
in. It is a process of its own because between a fork and an exec almost nothing is safe in a
program with threads; it replaces itself, so nothing of it stays.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Give up root for another user, ask to be stopped with the parent, become the program."""
    uid, gid, parent_pid = (int(number) for number in arguments[:3])
    command = arguments[3:]
    if os.geteuid() == 0 and uid != 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if sys.platform == "linux":
        # After setuid, which clears it. SIGINT asks PostgreSQL for a fast, clean shutdown.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit("Byline ended before PostgreSQL was started.")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])

"""What a machine may run out of while it reads or writes: open files, threads, memory. Nothing is damaged then, and nothing is to be made anew."""

import errno
import os

from dione.base.machine import memory

FILES = "let more files be open at a time, e.g. ulimit -n 4096, then run the same command again"
THREADS = "let this process start more threads, and have the memory for them (ulimit -u and -v, or the limits of its container or job), then run the same command again"
MEMORY = "let this process have more memory (ulimit -v, or the limit of its container or job), or take less at a time, then run the same command again"
ADVICE = {errno.EMFILE: FILES, errno.ENFILE: FILES, errno.EAGAIN: THREADS, errno.ENOMEM: MEMORY}
NO_THREAD = "can't start new thread"
UNLOADED = "failed to map segment"
"""What the system says of a library that does not fit into memory."""


def advice(error: BaseException | None, otherwise: str = "") -> str:
    """What to do where a machine had no more of something to give, now or as the cause of an error; for all others what is to be done `otherwise`."""
    if error is None:
        return otherwise
    if NO_THREAD in str(error):
        return THREADS
    short = memory.wanting(error) or UNLOADED in str(error)
    return MEMORY if short else ADVICE.get(number(error)) or advice(error.__cause__, otherwise)


def number(error: BaseException) -> int:
    """The system's number (errno) of an error, also where it is told in words alone, as GDAL does; 0 for one that is not the system's."""
    told = error.errno if isinstance(error, OSError) else None  # GDAL's own errors count in another way
    return told or next((known for known in errno.errorcode if str(error).endswith(os.strerror(known))), 0)

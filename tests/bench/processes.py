"""A server's processes, as /proc tells."""

import os


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def title(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().replace(b"\0", b" ").decode(errors="replace").strip()


def fields(path, names):
    """Numbers behind "Name:" in a file of that form, in its unit."""
    values = dict.fromkeys(names, 0)
    with open(path, encoding="ascii", errors="replace") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in values:
                values[name] = int(rest.split()[0])
    return values


def running_ns(pid):
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])
    except OSError:
        return 0


def all_running_ns(pid):
    return running_ns(pid) + sum(running_ns(child) for child in children(pid))


def listed_pages():
    """Free pages that each CPU keeps at hand: MemAvailable takes them for used."""
    with open("/proc/zoneinfo", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file
                   if line.strip().startswith("count:"))


def available_kib():
    listed = listed_pages() * os.sysconf("SC_PAGE_SIZE") // 1024
    return fields("/proc/meminfo", ("MemAvailable",))["MemAvailable"] + listed


def memory(pid):
    """Of one process: KiB private and dirty, its share of what is shared, page tables."""
    rollup = fields(f"/proc/{pid}/smaps_rollup", ("Private_Dirty", "Pss"))
    return rollup["Private_Dirty"], rollup["Pss"], fields(f"/proc/{pid}/status", ("VmPTE",))["VmPTE"]


def settle():
    """Let the kernel do what it has put off, so that what it has counts."""
    os.sync()

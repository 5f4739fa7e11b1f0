"""Writes a seccomp filter as a C array: docker's default list of calls as a binary search over intervals.

Usage: seccomp_filter.py [PROFILE.json] > floor-filter.h
The profile is podman's (containers-common), the numbers are libseccomp's. Calls allowed only for certain arguments count as
allowed: the floor measures what loading and passing a filter of this size costs, it does not guard anything.
"""
import ctypes
import json
import sys

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
X86_64 = 0xC000003E


def allowed_numbers(path):
    library = ctypes.CDLL("libseccomp.so.2")
    numbers = set()
    for rule in json.load(open(path))["syscalls"]:
        if rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("includes", {}).get("caps"):
            for name in rule["names"]:
                number = library.seccomp_syscall_resolve_name(name.encode())
                if number >= 0:
                    numbers.add(number)
    return sorted(numbers)


def intervals(numbers):
    found = []
    for number in numbers:
        if found and found[-1][1] == number:
            found[-1][1] = number + 1
        else:
            found.append([number, number + 1])
    return found


def search(bounds, allowed_below):
    """Instructions that end in a verdict: bounds are the numbers at which the verdict changes."""
    if not bounds:
        return [(0x06, 0, 0, ALLOW if allowed_below else EPERM)]
    middle = len(bounds) // 2
    low = search(bounds[:middle], allowed_below)
    high = search(bounds[middle + 1:], allowed_below ^ (middle % 2 == 0))
    # jge: a jump over the low half; a half longer than a byte can say needs a plain jump before it.
    if len(low) <= 255:
        return [(0x35, len(low), 0, bounds[middle])] + low + high
    return [(0x35, 0, 1, bounds[middle]), (0x05, 0, 0, len(low))] + low + high


def main():
    profile = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/containers/seccomp.json"
    bounds = [bound for pair in intervals(allowed_numbers(profile)) for bound in pair]
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, X86_64), (0x06, 0, 0, KILL), (0x20, 0, 0, 0)] + search(bounds, False)
    print("// Written by bench/seccomp_filter.py.\nstatic struct sock_filter filter[] = {")
    for code, true, false, value in program:
        print("  {0x%02x, %d, %d, 0x%08x}," % (code, true, false, value))
    print("};")


main()

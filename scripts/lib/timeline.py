"""Reads a task, as the command line prints it, and the logs of its subtasks, as a sequence in time."""

import datetime
import re


def moment(text):
    """Seconds since the epoch of an RFC 3339 timestamp with any number of fraction digits."""
    whole, fraction, zone = re.fullmatch(r"([^.Z+]+?)(\.\d+)?(Z|[+-]\d\d:\d\d)", text).groups()
    seconds = datetime.datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).timestamp()
    return seconds + float(fraction or 0)


def took(subtask):
    return moment(subtask["finishTime"]) - moment(subtask["startTime"])


def ms(seconds):
    return f"{seconds * 1000:10.1f}"


def stages(subtasks):
    """The subtasks in groups: all that are as far from the root."""
    depths, groups = {}, {}
    by_id = {subtask["id"]: subtask for subtask in subtasks}

    def depth(subtask):
        if subtask["id"] not in depths:
            upstreams = [depth(by_id[one]) for one in subtask.get("upstreams", [])]
            depths[subtask["id"]] = 1 + max(upstreams, default=0)
        return depths[subtask["id"]]

    for subtask in subtasks:
        groups.setdefault(depth(subtask), []).append(subtask)
    return [groups[one] for one in sorted(groups)]


def signal_times(log):
    """The moments of the log lines that tell of a signal which was sent."""
    lines = (line for line in log.splitlines() if " sent SIG" in line)
    return [moment(found[0]) for line in lines if (found := re.match(r"\S+", line))]

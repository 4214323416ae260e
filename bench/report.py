"""The table of a benchmark run, in Markdown."""

import os
import pathlib
import platform
import statistics

SCALES = {"us": 1e6, "ms": 1e3, "s": 1.0, "MB": 1e-6, "count": 1.0}


def machine():
    """One line on what the numbers were measured on."""
    model = platform.processor() or platform.machine()
    memory = ""
    if pathlib.Path("/proc/cpuinfo").exists():
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
        kilobytes = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
        memory = f", {kilobytes / 2**20:.0f} GiB"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = platform.python_version()
    return f"{model}, {cores} cores{memory}, {platform.system()}, Python {python}"


def number(value):
    """Three significant digits, without an exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - int(f"{abs(value):e}".partition("e")[2]))
    return f"{value:.{digits}f}"


def cell(samples, unit, own):
    """A median, and in brackets Reflow's median as a multiple of it."""
    if not samples:
        return ""
    median = statistics.median(samples)
    text = number(median * SCALES[unit])
    # The ratio of two numbers near nothing says nothing.
    if own and unit != "count" and median > 0:
        text += f" ({statistics.median(own) / median:.2f})"
    return text


def table(rows, frameworks, versions):
    """Formats rows, each (title, unit, target, {framework: samples})."""
    header = ["workload", "unit"]
    header += [f"{f} {versions[f]}" if versions.get(f) else f for f in frameworks]
    lines = [header + ["aim"]]
    for title, unit, target, samples in rows:
        own = samples.get("reflow")
        cells = [cell(samples.get(f, []), unit, None if f == "reflow" else own) for f in frameworks]
        lines.append([title, "" if unit == "count" else unit, *cells, target])
    widths = [max(len(line[i]) for line in lines) for i in range(len(header) + 1)]
    text = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(text)

"""What the compiler did, in words: behind `reflow explain`."""

from __future__ import annotations

from collections import Counter

from reflow.compiler.stats import journal, stats
from reflow.kernels import choices, library


def report(most: int = 40) -> str:
    """The story of the process so far: counts, then plans, compilations, cuts and their reasons."""
    counts = stats()
    lines = [
        "reflow explain",
        f"  plans {counts['plans']}, compilations {counts['compilations']}, cuts {counts['cuts']}, "
        f"executables dropped {counts['evictions']}",
        f"  cluster runs: {counts['interpreted_runs']} interpreted, {counts['compiled_runs']} compiled",
    ]
    events = journal()
    for event in events[:most]:
        lines.append("  " + _sentence(event))
    if len(events) > most:
        rest = Counter(event["event"] for event in events[most:])
        lines.append("  ... and " + ", ".join(f"{n} x {name}" for name, n in rest.items()))
    return "\n".join(lines + _kernels(most))


def _kernels(most: int) -> list[str]:
    """What was decided about native kernels, when something that they are for was met."""
    noted, beyond = choices.noted()
    if not noted:
        return []
    lines = [f"  native kernels for the CPU: {library.status()}"]
    lines += [f"    {what}: {decision}" for what, decision in list(noted.items())[:most]]
    left = len(noted) - most + beyond
    return lines + ([f"    ... and {left} more"] if left > 0 else [])


def _sentence(event: dict) -> str:
    at = f"{event['at']:8.3f} s  "
    kind = event["event"]
    if kind == "plan":
        host = f", on the host: {', '.join(event['host'])}" if event["host"] else ""
        return (
            f"{at}plan for {', '.join(event['fetches'])}: {event['nodes']} nodes, "
            f"{event['folded']} folded, {event['clusters']} clusters{host}"
        )
    if kind == "compiled":
        again = "" if event["signatures"] <= 1 else f", shape signature {event['signatures']}"
        return (
            f"{at}compiled {event['nodes']} nodes from {event['first']} in {event['seconds']} s "
            f"for {', '.join(event['inputs']) or 'no inputs'}{again}"
        )
    if kind == "cut":
        return f"{at}cut at {event['tensor']}: {event['why']}"
    facts = ", ".join(f"{k}={v}" for k, v in event.items() if k not in ("event", "at"))
    return f"{at}{kind}: {facts}"

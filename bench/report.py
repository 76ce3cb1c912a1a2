"""What runs of several tools come to: medians and ratios, and a table of them to read."""

from servers import spread

FIGURES = {"wall": "wall_s", "client_cpu": "client_cpu_s", "servers_cpu": "servers_cpu_s", "idle": "idle_share",
           "peak_mb": "client_peak_rss_mb"}


def cpu_of(run):
    return run["client_cpu_s"] + run["servers_cpu_s"]


def by_tool(runs):
    tools = {}
    for run in runs:
        tools.setdefault(run["tool"], []).append(run)
    return tools


def summary(runs, ours="pghaul"):
    """Of each tool the spread of each figure, and of each other one the ratios of ours to it, run by run."""
    tools = {}
    ratios = {}
    grouped = by_tool(runs)
    for name, own in grouped.items():
        tools[name] = {"walls": [run["wall_s"] for run in own], "cpu": spread([cpu_of(run) for run in own]),
                       **{figure: spread([run[key] for run in own]) for figure, key in FIGURES.items()},
                       "differs": own[-1].get("differs", {})}
        if name != ours and ours in grouped:
            # A run of 0.00 s can't be divided by.
            pairs = list(zip(grouped[ours], own))
            ratios[name] = {"wall": spread([left["wall_s"] / max(0.01, right["wall_s"]) for left, right in pairs]),
                            "cpu": spread([cpu_of(left) / max(0.01, cpu_of(right)) for left, right in pairs])}
    return {"tools": tools, "ratios": ratios}


def range_of(figure, digits=1):
    if figure["least"] == figure["greatest"]:
        return f"{figure['median']:.{digits}f}"
    return f"{figure['median']:.{digits}f} ({figure['least']:.{digits}f} to {figure['greatest']:.{digits}f})"


def table(measured):
    """One line a tool; figures are medians, least and greatest in brackets."""
    lines = ["| tool | runs | wall s | CPU s clients | CPU s servers | CPU s both | idle | peak MB | pghaul's wall / its | "
             "pghaul's CPU / its |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for name, tool in measured["tools"].items():
        ratio = measured["ratios"].get(name)
        ratios = [range_of(ratio[key], 2) for key in ("wall", "cpu")] if ratio else ["", ""]
        lines.append("| " + " | ".join([
            name, str(len(tool["walls"])), range_of(tool["wall"]), range_of(tool["client_cpu"]),
            range_of(tool["servers_cpu"]), range_of(tool["cpu"]), f"{tool['idle']['median']:.0%}",
            range_of(tool["peak_mb"], 0), *ratios]) + " |")
    return lines


def markdown(results):
    """The whole report as text."""
    where = results["machine"]
    lines = [f"`{results['command']}`", "",
             f"{results['when']}, commit {results['commit']}. {where['cores']} cores {where['cpu']}, {where['memory']}, "
             f"kernel {where['kernel']}, {where['server']}; servers and tools on one machine. Figures are medians, least and "
             "greatest in brackets; peak memory is that of the tool's processes together.", ""]
    for measured in results["measured"]:
        lines += [f"## {measured['data']}, {measured['source_mb']:,} MB", "", *table(measured), ""]
        for name, tool in measured["tools"].items():
            if tool["differs"]:
                lines.append(f"- {name} did not copy everything: " + ", ".join(
                    f"{counts['target']:,} of {counts['source']:,} {what}" for what, counts in tool["differs"].items()))
        for name, words in measured["failed"].items():
            lines.append(f"- {name} failed: {words[-1]}")
        if lines[-1]:
            lines.append("")
    for name, words in results.get("skipped", {}).items():
        lines.append(f"- {name} was left out: {words}")
    for name, words in results.get("about", {}).items():
        lines.append(f"- {name}: {words}")
    return "\n".join(lines) + "\n"


def costs_by_size(all_measured):
    """For plot.lines."""
    series = {}
    for measured in all_measured:
        for name, tool in measured["tools"].items():
            series.setdefault(name, []).append({"mb": measured["source_mb"], "wall": tool["wall"], "cpu": tool["cpu"]})
    return series

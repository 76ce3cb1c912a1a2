"""Small SVG plots of runs: bars per tool, and lines over sizes. Knows figures and labels, not tools or servers."""

import math
from xml.sax.saxutils import escape

FONT = "font-family='Helvetica,Arial,sans-serif'"
DARK, GREY, PALE = "#222222", "#777777", "#dddddd"
CLIENT, SERVERS = "#e08a1e", "#4878a8"
OURS, OTHER = "#2a7f3f", "#9aa7b4"
LINES = ("#2a7f3f", "#c0392b", "#4878a8", "#e08a1e", "#7d3c98", "#16a085", "#555555")


class Svg:
    def __init__(self, width, height):
        self.width, self.height = width, height
        self.parts = []

    def add(self, text):
        self.parts.append(text)

    def rect(self, x, y, width, height, fill):
        self.add(f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(0, width):.1f}' height='{height:.1f}' fill='{fill}'/>")

    def line(self, x1, y1, x2, y2, stroke=PALE, width=1.0):
        self.add(f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{stroke}' "
                 f"stroke-width='{width}'/>")

    def dot(self, x, y, fill=DARK, radius=3.0):
        self.add(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius}' fill='{fill}' stroke='#ffffff' stroke-width='0.8'/>")

    def text(self, x, y, words, size=13, anchor="start", fill=DARK, bold=False):
        weight = " font-weight='bold'" if bold else ""
        self.add(f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' fill='{fill}' "
                 f"{FONT}{weight}>{escape(words)}</text>")

    def __str__(self):
        return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{self.width}' height='{self.height}' "
                f"viewBox='0 0 {self.width} {self.height}'>\n"
                f"<rect width='{self.width}' height='{self.height}' fill='#ffffff'/>\n"
                + "\n".join(self.parts) + "\n</svg>\n")


def ticks(greatest, wanted=5):
    """Round numbers from 0 to at least greatest."""
    greatest = greatest or 1
    step = 10 ** math.floor(math.log10(greatest / wanted))
    step *= next(factor for factor in (1, 2, 5, 10) if greatest / (step * factor) <= wanted)
    return [step * number for number in range(math.ceil(greatest / step - 1e-9) + 1)]


def number(value):
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"


class Panel:
    """A rectangle of the picture with axes from 0."""

    def __init__(self, svg, x, y, width, height):
        self.svg, self.x, self.y, self.width, self.height = svg, x, y, width, height

    def across(self, greatest, title):
        """Draws an axis below; returns how a value becomes x."""
        marks = ticks(greatest)

        def place(value):
            return self.x + self.width * value / marks[-1]
        for mark in marks:
            self.svg.line(place(mark), self.y, place(mark), self.y + self.height)
            self.svg.text(place(mark), self.y + self.height + 16, number(mark), 11, "middle", GREY)
        self.svg.text(self.x, self.y - 10, title, 13, bold=True)
        return place

    def up(self, greatest):
        """Draws an axis on the left; returns how a value becomes y."""
        marks = ticks(greatest)

        def place(value):
            return self.y + self.height * (1 - value / marks[-1])
        for mark in marks:
            self.svg.line(self.x, place(mark), self.x + self.width, place(mark))
            self.svg.text(self.x - 6, place(mark) + 4, number(mark), 11, "end", GREY)
        return place


def frame(svg, title, notes):
    svg.text(20, 28, title, 17, bold=True)
    for place, note in enumerate(notes):
        svg.text(20, svg.height - 14 * (len(notes) - place), note, 11, fill=GREY)


def bars(title, rows, notes, ours="pghaul"):
    """A picture of tools side by side.

    rows: of each tool its label, walls (s, one a run), client_cpu and servers_cpu (s, medians)."""
    row_height, top, left = 44, 84, 40 + 8 * max(len(row["label"]) for row in rows)
    height = row_height * len(rows)
    svg = Svg(1040, top + height + 62 + 14 * len(notes))
    frame(svg, title, notes)
    room = svg.width - left - 60 - 20
    wall = Panel(svg, left, top, room * 0.6, height)
    cpu = Panel(svg, left + room * 0.6 + 60, top, room * 0.4, height)
    wall_x = wall.across(max(max(row["walls"]) for row in rows) * 1.08, "wall time, s: median, each run a dot")
    cpu_x = cpu.across(max(row["client_cpu"] + row["servers_cpu"] for row in rows) * 1.12, "CPU, s, median")
    legend = cpu.x + 120
    for label, colour in (("clients", CLIENT), ("servers", SERVERS)):
        svg.rect(legend, top - 20, 11, 11, colour)
        svg.text(legend + 15, top - 10, label, 12)
        legend += 75
    for place, row in enumerate(rows):
        y = top + place * row_height + 8
        middle, thick = y + 14, 28
        is_ours = row["label"].startswith(ours)
        svg.text(left - 10, middle + 5, row["label"], 14, "end", bold=is_ours)
        svg.rect(wall.x, y, wall_x(row["median"]) - wall.x, thick, OURS if is_ours else OTHER)
        svg.line(wall_x(row["median"]), y - 3, wall_x(row["median"]), y + thick + 3, DARK, 2)
        for run, value in enumerate(row["walls"]):
            # A little up and down, so that equal ones can be told apart.
            svg.dot(wall_x(value), middle + (run % 3 - 1) * 7)
        svg.text(wall.x + 6, middle + 5, number(row["median"]), 13, fill="#ffffff" if is_ours else DARK, bold=True)
        svg.rect(cpu.x, y, cpu_x(row["client_cpu"]) - cpu.x, thick, CLIENT)
        servers_end = cpu_x(row["client_cpu"] + row["servers_cpu"])
        svg.rect(cpu_x(row["client_cpu"]), y, servers_end - cpu_x(row["client_cpu"]), thick, SERVERS)
        svg.text(servers_end + 5, middle + 5, number(row["client_cpu"] + row["servers_cpu"]), 12)
    return str(svg)


def lines(title, series, notes):
    """A picture of cost against size; what costs the same per byte is straight and goes through the corner.

    series: {label: [{"mb", "wall": {median, least, greatest}, "cpu": {...}}, ...]}."""
    svg = Svg(1040, 470 + 14 * len(notes))
    frame(svg, title, notes)
    biggest = max(point["mb"] for points in series.values() for point in points) / 1000
    for panel, key, heading in ((Panel(svg, 60, 80, 400, 300), "wall", "wall time, s (median, least to greatest)"),
                                (Panel(svg, 530, 80, 400, 300), "cpu", "CPU of clients and servers, s")):
        x = panel.across(biggest, heading)
        y = panel.up(max(point[key]["greatest"] for points in series.values() for point in points))
        svg.text(panel.x + panel.width, panel.y + panel.height + 32, "GB of database", 11, "end", GREY)
        for (label, points), colour in zip(series.items(), LINES):
            path = " ".join(f"{x(point['mb'] / 1000):.1f},{y(point[key]['median']):.1f}" for point in points)
            svg.add(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2.2'/>")
            for point in points:
                across = x(point["mb"] / 1000)
                svg.line(across, y(point[key]["least"]), across, y(point[key]["greatest"]), colour, 1.5)
                svg.dot(across, y(point[key]["median"]), colour, 4)
    for place, (label, colour) in enumerate(zip(series, LINES)):
        across = 60 + 120 * place
        svg.rect(across, 432, 12, 12, colour)
        svg.text(across + 17, 443, label, 13)
    return str(svg)

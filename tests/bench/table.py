"""
table.py - what the bench prints: goals, their figures, pass or short.

    table.head("Product page, 16 connections")
    table.goal("requests/s of a fixed page", 0.93, at_least=0.90)
    table.goal("p99 of PHP's", 0.31, at_most=1.0, note="4.1 ms, 13.2 ms")
    table.told("FastCGI, a fixed page", "21,300 requests/s, 92 µs")

A module of the bench has one function, rows(), which yields what goal() and
told() return; bench.py prints them as they come.

Promises: a figure is pass or short by its unrounded value; a figure that could
not be taken (None, NaN) is short, and says so; a row never raises.
"""
import math
from collections import namedtuple

Row = namedtuple("Row", "what goal figure verdict note")


def number(value):
    """Three digits that count; a comma for thousands."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def goal(what, figure, at_least=None, at_most=None, note="", unit=""):
    """A row with a goal, of which there is exactly one."""
    assert (at_least is None) != (at_most is None), what
    limit = at_least if at_most is None else at_most
    words = "at least " if at_most is None else "at most "
    unit = unit and " " + unit
    if figure is None or math.isnan(figure):
        return Row(what, words + number(limit) + unit, "not taken", "short",
                   note)
    good = figure >= limit if at_most is None else figure <= limit
    return Row(what, words + number(limit) + unit, number(figure) + unit,
               "pass" if good else "short", note)


def told(what, figure, note=""):
    """A figure without a goal, to judge the others by."""
    return Row(what, "", figure, "", note)


def head(title):
    return Row(title, None, None, None, "")


def line(row):
    """A row as Markdown; a heading opens a table."""
    if row.goal is None:
        return (f"\n### {row.what}\n\n| what | goal | figure | | seen |\n"
                "|---|---|---|---|---|")
    cells = (cell.replace("|", "/") for cell in row)
    return "| " + " | ".join(cells) + " |"


def count(rows):
    """(passed, short) of some rows."""
    verdicts = [row.verdict for row in rows]
    return verdicts.count("pass"), verdicts.count("short")

"""The command line. Exit codes: 0 ok, 1 failure, 2 usage, 3 data check, 4 gate, 130 interrupted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nexttouch.cli.console import Console
from nexttouch.errors import NextTouchError

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="From customer behaviour to the right next touch.",
    epilog="Exit codes: 0 ok, 1 failure, 2 usage, 3 data check, 4 gate refused, 130 stopped.",
)

ProjectArg = Annotated[Path, typer.Argument(help="Model project: a folder with nexttouch.yaml.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
AsOf = Annotated[
    str | None, typer.Option(help="Score as of this date; default: the end of the log.")
]
HERE = Path()
INTERRUPTED = 130  # typer ends with it by itself, without a word


@app.command()
def init(
    project: ProjectArg,
    *,
    source: Annotated[str | None, typer.Option(help="File, folder or glob of events.")] = None,
    audience: Annotated[
        str | None, typer.Option(help="Who the customers are, in a sentence.")
    ] = None,
    channels: Annotated[
        str | None, typer.Option(help="Channels you can use, comma separated.")
    ] = None,
    objective: Annotated[str | None, typer.Option(help="What touches are for: retention.")] = None,
    experiment: Annotated[
        float | None, typer.Option(help="Share of customers held out to measure effects.")
    ] = None,
    human_hours: Annotated[
        float | None, typer.Option(help="Trained people's hours per period.")
    ] = None,
    activity: Annotated[
        str | None, typer.Option(help="Events that show life, comma separated.")
    ] = None,
    review_days: Annotated[
        int | None, typer.Option(help="How often you review: the horizon in days.")
    ] = None,
    journey: Annotated[str, typer.Option(help="Journey preset.")] = "lifecycle",
    margin_rate: Annotated[
        float | None, typer.Option(help="Contribution margin over revenue.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="ISO code of the log's money.")] = None,
    json: JsonFlag = False,
) -> None:
    """Write a commented nexttouch.yaml from seven questions, asked or given as flags."""
    from nexttouch.cli.wizard import Answers, ask, write_project

    given = Answers(
        source=source,
        audience=audience,
        channels=channels,
        objective=objective,
        experiment=experiment,
        human_hours=human_hours,
        activity=activity,
        review_days=review_days,
        journey=journey,
        margin_rate=margin_rate,
        currency=currency,
    )
    console = Console(json=json)
    file = write_project(project, ask(given) if console.interactive else given)
    console.document({"project": str(project), "file": str(file)})
    console.say(f"Wrote {file}. Read it, then run: nexttouch check {project}")


@app.command()
def check(project: ProjectArg = HERE, *, json: JsonFlag = False) -> None:
    """Say per part: complete, missing (and what that switches off), contradictory."""
    from nexttouch.cli.render import show_check
    from nexttouch.pipeline import check as verb

    report = verb(project)
    Console(json=json).show(report, show_check)
    if any(part["state"] == "contradictory" for part in report["parts"]):
        raise typer.Exit(2)


@app.command()
def ingest(project: ProjectArg = HERE, *, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Read, check, deduplicate and sort the sources into the event store."""
    from nexttouch.cli.render import show_ingest
    from nexttouch.pipeline import Project, read_facts
    from nexttouch.pipeline import ingest as verb

    console, opened = Console(json=json, quiet=quiet), Project.open(project)
    with console.progress() as progress:
        report = verb(opened, progress=progress)
    console.show(read_facts(opened, report), show_ingest)


@app.command()
def train(project: ProjectArg = HERE, *, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Backtest every model, choose the champion, register it in MLflow behind the gate."""
    from nexttouch.cli.render import show_training
    from nexttouch.errors import GateRefusedError
    from nexttouch.pipeline import train as verb

    console = Console(json=json, quiet=quiet)
    with console.progress() as progress:
        report = verb(project, progress=progress)
    console.show(report.to_dict(), show_training)
    if not report.promoted:
        raise GateRefusedError(report.gate_sentence)


@app.command()
def score(
    project: ProjectArg = HERE,
    *,
    as_of: AsOf = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Score every eligible customer with the champion."""
    from nexttouch.cli.render import show_scores
    from nexttouch.pipeline import score as verb

    console = Console(json=json, quiet=quiet)
    with console.progress() as progress:
        report = verb(project, as_of=as_of, progress=progress)
    console.show(report.to_dict(), show_scores)


@app.command()
def decide(project: ProjectArg = HERE, *, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Choose a touch tier for each scored customer and write the worklist."""
    from nexttouch.cli.render import show_decisions
    from nexttouch.pipeline import decide as verb

    console = Console(json=json, quiet=quiet)
    with console.progress() as progress:
        report = verb(project, progress=progress)
    console.show(report.to_dict(), show_decisions)


@app.command()
def run(project: ProjectArg = HERE, *, json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Do it all: ingest, train, score, decide; then say what was found and where to look."""
    _run(project, json=json, quiet=quiet)


@app.command()
def explain(customer: str, project: ProjectArg = HERE, *, json: JsonFlag = False) -> None:
    """Walk one customer from events to features, score, reasons and tier."""
    from nexttouch.cli.render import show_explanation
    from nexttouch.pipeline import explain as verb

    Console(json=json).show(verb(project, customer), show_explanation)


@app.command()
def erase(
    customer: str,
    project: ProjectArg = HERE,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what holds the customer.")
    ] = False,
) -> None:
    """Remove a customer from everything the project keeps, and prove it; prints JSON."""
    from nexttouch.pipeline import erase as verb

    Console(json=True).document(verb(project, customer, dry_run=dry_run).to_dict())


@app.command()
def serve(
    project: ProjectArg = HERE,
    *,
    port: Annotated[int, typer.Option(help="TCP port.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Start the BentoML service on the champion bundle."""
    from nexttouch.pipeline import Project
    from nexttouch.serving import start

    sys.exit(start(Project.open(project).folder, port=port, host=host))


@app.command()
def demo(
    which: Annotated[
        str, typer.Argument(help="simulated: a B2B subscription log, no download.")
    ] = "simulated",
    *,
    folder: Annotated[Path | None, typer.Option(help="Where to put the project.")] = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Run the whole product on a simulated log whose truth is known."""
    from nexttouch.pipeline import write_demo

    _run(write_demo(which, folder), json=json, quiet=quiet)


def _run(project: Path, *, json: bool, quiet: bool) -> None:
    from nexttouch.cli.render import show_run
    from nexttouch.errors import GateRefusedError
    from nexttouch.pipeline import run as verb

    console = Console(json=json, quiet=quiet)
    with console.progress() as progress:
        report = verb(project, progress=progress)
    document: dict[str, Any] = report.to_dict()
    console.show(document, show_run)
    if not report.training.promoted:
        raise GateRefusedError(report.training.gate_sentence)


def main() -> None:
    """Run the command line; every error on purpose ends with its own exit code."""
    try:
        app()
    except NextTouchError as problem:
        typer.echo(str(problem), err=True)
        sys.exit(problem.exit_code)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:
            raise
        typer.echo("Stopped. What was complete before is still readable.", err=True)
        sys.exit(INTERRUPTED)

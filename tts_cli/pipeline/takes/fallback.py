"""Failed lines -> a plan with the next engine of their chains: asked for by the script, never by itself."""

from collections.abc import Mapping
from dataclasses import replace

from tts_cli.cache.store import Cache
from tts_cli.pipeline.model import Plan, PlannedLine, Reason
from tts_cli.pipeline.plan.utterances import LinePlanner
from tts_cli.pipeline.script.engine_checks import with_engine


def optional_engines(plan: Plan) -> frozenset[str]:
    """Return the engines whose every line has another one to fall back on."""
    engines: dict[str, bool] = {}
    for planned in plan.lines:
        for utterance in planned.utterances:
            engines[utterance.engine] = engines.get(utterance.engine, True) and bool(planned.line.fallback)
    return frozenset(engine for engine, optional in engines.items() if optional)


def fall_back(plan: Plan, errors: Mapping[str, str], cache: Cache) -> Plan | None:
    """Hand each line that failed on to its next engine; None where there is none left to hand on.

    A line changes its engine as a whole: its parts must sound alike.
    """
    planner = LinePlanner(plan.manifest)
    lines = [
        _next(planned, planner) if planned.line.fallback and planned.first_error(errors) is not None else planned
        for planned in plan.lines
    ]
    handed_on = [new for new, old in zip(lines, plan.lines, strict=True) if new is not old]
    if not handed_on:
        return None
    takes = dict(plan.takes)
    for planned in handed_on:
        cache.look_up(planned.keys, takes)
    return replace(
        plan,
        lines=tuple(lines),
        takes=takes,
        conditionals_requests={**plan.conditionals_requests, **planner.conditionals_requests.by_key},
    )


def errors_of_lines(plan: Plan, errors: Mapping[str, str]) -> dict[str, str]:
    """Return the first error of each line that failed, by its id."""
    found = ((planned.line.id, planned.first_error(errors)) for planned in plan.lines)
    return {line_id: error for line_id, error in found if error is not None}


def use_cached_fallback(plan: Plan, cache: Cache) -> Plan:
    """Give each line that lacks a take to the first engine of its chain whose takes are all there, if there is one."""
    takes = dict(plan.takes)
    planner = LinePlanner(plan.manifest)
    lines = []
    for planned in plan.lines:
        now = planned
        while now.line.fallback and not now.is_complete(takes):
            now = _next(now, planner)
            cache.look_up(now.keys, takes)
        lines.append(now if now.is_complete(takes) else planned)
    return replace(plan, lines=tuple(lines), takes=takes)


def _next(planned: PlannedLine, planner: LinePlanner) -> PlannedLine:
    line = with_engine(planned.line, planned.line.fallback)
    return replace(planner.plan(line, heard=planned.heard), reason=planned.reason or Reason.ENGINE)

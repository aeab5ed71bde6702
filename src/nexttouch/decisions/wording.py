"""Why a customer gets a tier, and what would change it, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nexttouch.decisions.inputs import DecisionInputs

__all__ = ["Reasoning", "flip_words", "money", "why_words"]


@dataclass(frozen=True, eq=False)
class Reasoning:
    """Numbers behind the words; arrays are per customer or per customer and tier.

    ``tier`` is given, ``policy_tier`` is what the policy gives or would give the holdout,
    ``wished`` is worth most before prices; ``worth`` and ``net`` are before and after them.
    """

    names: tuple[str, ...]
    tier: NDArray[np.int64]
    policy_tier: NDArray[np.int8]
    wished: NDArray[np.int64]
    held: NDArray[np.bool_]
    worth: NDArray[np.float64]
    net: NDArray[np.float64]
    kept: NDArray[np.float64]
    tau: NDArray[np.float64]
    level: tuple[str, ...]
    binding: NDArray[np.object_]
    only_no_touch: NDArray[np.bool_]
    closed: list[str]
    cost: NDArray[np.float64]
    holdout_share: float
    currency: str


def money(amount: float, currency: str) -> str:
    """Write an amount for people.

    Examples
    --------
    >>> money(1234.5, "EUR"), money(-0.001, "")
    ('1,234.50 EUR', '0.00')
    """
    return f"{round(amount, 2) + 0.0:,.2f} {currency}".rstrip()


def why_words(r: Reasoning, inputs: DecisionInputs) -> tuple[list[str], list[str]]:
    """Return per customer the reason codes (comma separated) and one or two sentences.

    The first code is one of ``holdout, only_no_touch, no_tier_pays, priced_out, floor,
    exact_solve, best_value``; ``assumed`` and ``little_history`` follow where they apply.
    """
    codes, words = [], []
    for i, tier in enumerate(r.tier.tolist()):
        code, text = _main_reason(r, i, tier)
        told = [code]
        if tier and r.level[tier] == "assumed":
            told.append("assumed")
        if inputs.little_history[i]:
            told.append("little_history")
            text += " Little history: few facts stand behind this score."
        codes.append(",".join(told))
        words.append(text)
    return codes, words


def _main_reason(r: Reasoning, i: int, tier: int) -> tuple[str, str]:
    wished = int(r.wished[i])
    if r.held[i]:
        return "holdout", (
            f"Held out: {r.holdout_share:.0%} of customers are left alone this quarter, so that "
            f"the worth of touches can be measured. The policy would give {_name(r, i)}."
        )
    if r.only_no_touch[i]:
        return "only_no_touch", f"Only no-touch is open to them: {r.closed[i]}."
    return _why_left_alone(r, i, wished) if tier == 0 else _why_touched(r, i, tier, wished)


def _why_left_alone(r: Reasoning, i: int, wished: int) -> tuple[str, str]:
    if wished == 0:
        best = int(r.worth[i, 1:].argmax()) + 1
        loss = money(-r.worth[i, best], r.currency)
        return "no_tier_pays", (
            f"No tier pays: the best, {r.names[best]}, is expected to lose {loss}."
        )
    gain = money(r.worth[i, wished], r.currency)
    return "priced_out", (
        f"{r.names[wished]} would be worth {gain}, but others gain more from "
        f"{r.binding[i] or 'what is left'} ({money(r.cost[i, wished], r.currency)} at the "
        "present limits)."
    )


def _why_touched(r: Reasoning, i: int, tier: int, wished: int) -> tuple[str, str]:
    gain = money(r.worth[i, tier], r.currency)
    label = "" if r.level[tier] == "confirmed" else f", {r.level[tier]}"
    text = (
        f"{r.names[tier]} is worth {gain} after costs: it keeps {100 * r.tau[i, tier]:.1f} points "
        f"more{label}, {money(r.kept[i, tier], r.currency)} of margin."
    )
    if r.worth[i, tier] < 0:
        return "floor", f"{text} It is given because a floor asks for it."
    if r.net[i, tier] < r.net[i].max() - 1e-9:
        return "exact_solve", f"{text} It differs from the tier prices suggest so that limits hold."
    if wished != tier:
        text += (
            f" {r.names[wished]} would be worth {money(r.worth[i, wished], r.currency)}, but "
            f"others gain more from {r.binding[i] or 'what is left'}."
        )
    return "best_value", text


def _name(r: Reasoning, i: int) -> str:
    return r.names[int(r.policy_tier[i])]


def flip_words(
    r: Reasoning,
    second: NDArray[np.object_],
    has_second: NDArray[np.bool_],
    ahead: NDArray[np.float64],
) -> list[str]:
    """Return per customer what would have to change for the runner-up to be chosen."""
    words = []
    for i, lead in enumerate(ahead.tolist()):
        if not has_second[i]:
            words.append("Nothing: no other tier is open.")
        elif lead < 0:
            gap = money(-lead, r.currency)
            words.append(f"{second[i]} is {gap} better after prices; limits stand against it.")
        else:
            more = f"{second[i]}, if it were worth {money(lead, r.currency)} more"
            words.append(
                f"{more}." if _name(r, i) == "no_touch" else f"{more}, or {_name(r, i)} less."
            )
    return words

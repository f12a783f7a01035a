"""Turn what several providers said about one cell into one value, its probability and a verdict.

`best` takes the value with the most weight behind it, `ensemble` also asks for agreement, and
`learned` weighs each provider by how often it was right about this field. The order of the votes
never matters, and the same trust gives the same bits.
"""

from collections.abc import Iterable

from enrich.domain.fusion.counted import fuse_counted
from enrich.domain.fusion.judge import Judge
from enrich.domain.fusion.learned import fuse_learned
from enrich.domain.fusion.trust import FieldTrust, Tally, TrustState
from enrich.domain.fusion.votes import Candidate, Flag, Fused, Verdict, Vote, groups_of
from enrich.domain.policy import FusionMethod, FusionPolicy

__all__ = [
    "Candidate",
    "FieldTrust",
    "Flag",
    "Fused",
    "Judge",
    "Tally",
    "TrustState",
    "Verdict",
    "Vote",
    "fuse",
    "groups_of",
]

#: Judges before anything has been learned.
_STRANGER = Judge(TrustState())


def fuse(
    votes: Iterable[Vote],
    policy: FusionPolicy,
    *,
    min_confidence: float,
    field: str = "",
) -> Fused | None:
    """Choose a value from votes; None without any. The order of the votes never matters.

    `field` says what the values mean: providers are trusted by field.
    """
    is_learned = policy.method is FusionMethod.LEARNED
    judge = policy.judge or _STRANGER
    groups = groups_of(judge.read(votes, field) if is_learned else votes)
    if not groups:
        return None
    if is_learned:
        least = max(min_confidence, policy.agreement_threshold)
        return fuse_learned(groups, judge, field, least=least)
    threshold = policy.agreement_threshold if policy.method is FusionMethod.ENSEMBLE else None
    return fuse_counted(groups, threshold=threshold, min_confidence=min_confidence)

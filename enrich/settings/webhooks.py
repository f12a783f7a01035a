"""The settings of webhooks."""

from enrich.domain.webhook import TellPolicy
from enrich.settings.values import Count, Flag, Seconds, Values

__all__ = ["WebhookSettings"]

_TELL = TellPolicy()


class WebhookSettings(Values):
    """How often a message is tried, and the first and longest pause between; then it is dead.

    Messages go to public addresses, with `loopback` also to this machine; unset, that is allowed
    where the servers are embedded. In production it never is.
    """

    max_attempts: Count = _TELL.max_attempts
    first_pause_seconds: Seconds = _TELL.first_pause_s
    longest_pause_seconds: Seconds = _TELL.longest_pause_s
    timeout_seconds: Seconds = _TELL.timeout_s

    loopback: Flag | None = None

    def policy(self) -> TellPolicy:
        """Give the domain's form."""
        return TellPolicy(
            max_attempts=self.max_attempts,
            first_pause_s=self.first_pause_seconds,
            longest_pause_s=self.longest_pause_seconds,
            timeout_s=self.timeout_seconds,
        )

"""The transport: which channel and which poller belong together."""

from kombu.transport import redis

from tasks.transport.channel import Channel
from tasks.transport.poller import Poller

__all__ = ["Transport"]


class Transport(redis.Transport):
    """Kombu's Redis transport with our channel and poller."""

    Channel = Channel

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.cycle = Poller()

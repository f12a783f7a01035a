"""Vendors of the catalogue, simulated: each file's dialect over real HTTP, and harm on demand."""

from providers.simulator.behaviour import Behaviour, Fault, behaviours_from
from providers.simulator.ledger import Arrival, Ledger
from providers.simulator.server import Simulator

__all__ = ["Arrival", "Behaviour", "Fault", "Ledger", "Simulator", "behaviours_from"]

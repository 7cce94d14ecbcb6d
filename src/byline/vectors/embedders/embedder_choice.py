"""Makes the embedders from the configuration."""

from __future__ import annotations

from byline.backend.openai_client import environment_key
from byline.config import schema
from byline.dispatch.dispatcher import Dispatcher
from byline.vectors.embedders.e5_embedder import FINGERPRINT, E5Embedder
from byline.vectors.embedders.embedder import Embedder
from byline.vectors.embedders.http_embedder import HttpEmbedder


class Embedders:
    """The configured embedder, and the bundled one while its vectors are still being searched.

    `configured` is None for kind "none": then nothing is embedded, and searches have no dense leg.
    """

    def __init__(self, config: schema.EmbedderBranch, dispatcher: Dispatcher) -> None:
        """Starts and opens nothing."""
        bundled = E5Embedder(config.workers, config.query_wait_s_max)
        self.configured = _configured(config, dispatcher, bundled)
        self._at_hand: dict[str, Embedder] = {}
        if self.configured is not None:
            self._at_hand = {FINGERPRINT: bundled, self.configured.fingerprint: self.configured}

    @property
    def fingerprints(self) -> frozenset[str]:
        """The embedders whose vectors can be searched: see `vector_spaces.searchable_space`."""
        return frozenset(self._at_hand)

    def of(self, fingerprint: str) -> Embedder:
        """The embedder that made a space. Raises KeyError if it is not at hand."""
        return self._at_hand[fingerprint]

    async def close(self) -> None:
        """End the workers, close the connections."""
        for embedder in self._at_hand.values():
            await embedder.close()


def _configured(
    config: schema.EmbedderBranch, dispatcher: Dispatcher, bundled: E5Embedder
) -> Embedder | None:
    match config.kind:
        case "none":
            return None
        case "http":
            gate = None if config.machine is None else dispatcher.gate(config.machine)
            return HttpEmbedder(config, gate, environment_key(config.api_key_env))
        case "e5-small":
            return bundled

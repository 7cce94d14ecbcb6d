"""The shape of the configuration: every setting, its unit (in its name), default and meaning.

Each part of Byline is given only its own branch of this tree. Descriptions here are the text of
`docs/reference/configuration.md`; a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Branch(BaseModel):
    """A part of the tree: frozen, and a key it does not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Server(Branch):
    """Where the HTTP server listens and whom it serves."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8420, ge=0, le=65_535, description="TCP port; 0 takes a free one.")
    allow_unauthenticated: bool = Field(
        False, description="Serve addresses other than loopback without keys. Anyone may then read."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Further names a `Host` header may carry, e.g. a Tailscale name."
    )
    body_bytes_max: int = Field(
        1_048_576,
        ge=1024,
        description="Largest request body in bytes, uploads apart. /v1 takes 32 MiB where this is "
        "not set.",
    )
    connections_max: int = Field(
        1_000,
        ge=1,
        le=1_000_000,
        description="Connections open at once; further ones are answered 503. Fewer where the "
        "limit on open files (`ulimit -n`) does not allow so many.",
    )
    stop_s_max: Seconds = Field(5, description="Seconds open streams get to end on Ctrl-C.")


class Database(Branch):
    """Which PostgreSQL holds everything."""

    url: str | None = Field(
        None, description="postgresql://…; absent: the PostgreSQL that comes with Byline."
    )
    pool_size_max: int = Field(10, ge=2, le=200, description="Connections at most.")
    connect_s_max: Seconds = Field(10, description="Longest wait for a connection, in seconds.")


class Storage(Branch):
    """Where original files are kept, by their SHA-256."""

    url: str | None = Field(
        None,
        description="An object store (s3://…, gs://…, file:///…); absent: under BYLINE_HOME. "
        "All processes on one database need the same.",
    )


class Ask(Branch):
    """How questions are answered."""

    default_backend: Name = Field("quotes", description="The backend that answers unnamed asks.")
    timeout_read_s: Seconds = Field(
        300, description="From the request to a machine to its last byte, in seconds."
    )
    resumable_s: Seconds = Field(
        30, description="A resumable ask goes on so long without a reader, in seconds."
    )
    sources_max: int = Field(8, ge=1, le=50, description="Passages shown to the model.")
    temperature: float = Field(
        0,
        ge=0,
        le=2,
        description="Sampling temperature of answers; 0 keeps closest to the sources.",
    )
    question_chars_max: int = Field(
        10_000, ge=1, le=1_000_000, description="Longest question, in characters."
    )
    evidence_min: float = Field(
        0.02,
        ge=0,
        le=1,
        description="How likely, judged by retrieval alone, it must be that the documents answer; "
        "below that the answer is `no_evidence` and no model is asked. 0 asks always. A backend "
        "that quotes has a stricter one of its own.",
    )


class Ingest(Branch):
    """How documents are read."""

    file_bytes_max: int = Field(
        209_715_200, ge=1, description="Largest file that is accepted, in bytes."
    )
    extract_s_max: Seconds = Field(300, description="Longest extraction of one file, in seconds.")
    extract_memory_bytes_max: int = Field(
        3_221_225_472, ge=268_435_456, description="Memory one extraction may use, in bytes."
    )
    text_chars_max: int = Field(
        50_000_000, ge=1, description="Longest text taken from one file, in characters."
    )
    picture_s_max: Seconds = Field(
        20, description="Longest drawing of the picture of a page, in seconds."
    )
    picture_memory_bytes_max: int = Field(
        1_073_741_824, ge=268_435_456, description="Memory one picture may use, in bytes."
    )
    pictures_bytes_max: int = Field(
        268_435_456, ge=0, description="Disk space that pictures of pages may take, in bytes."
    )
    concurrency: int = Field(1, ge=1, le=64, description="Files extracted at once.")
    passage_chars_max: int = Field(
        800,
        ge=100,
        le=20_000,
        description="Longest passage, in characters. Another one cuts all documents anew, "
        "behind the next start while no other process works on the database.",
    )
    ocr_languages: tuple[str, ...] = Field(
        ("eng", "kor"), description="Tesseract languages used where their data are installed."
    )
    undo_s: Seconds = Field(
        600,
        description="A document removed on its page can be brought back for this long, seconds.",
    )


class EmbedderBranch(Branch):
    """What turns passages and questions into vectors, so that search goes by meaning too."""

    kind: Literal["e5-small", "http", "none"] = Field(
        "e5-small",
        description="`e5-small`: the model that comes with Byline (Korean and English among a "
        "hundred languages); `http`: any server with `/v1/embeddings`; `none`: by words alone.",
    )
    workers: int = Field(
        0,
        ge=0,
        le=64,
        description="`e5-small`: processes that embed passages, one core each; 0: one less than "
        "there are cores. One more answers questions.",
    )
    base_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+(/[^\s?#]*)?$",
        description="`http`: http(s)://host:port, with or without /v1.",
    )
    model: str | None = Field(
        None, min_length=1, description="`http`: the model name sent; another one embeds all anew."
    )
    machine: Name | None = Field(
        None,
        description="`http`: the machine it runs on, one of [machines.*], whose gate its calls go "
        "through; absent: they go through none.",
    )
    api_key_env: str | None = Field(
        None, description="`http`: name of the environment variable that holds the key."
    )
    query_prefix: str = Field(
        "", description="`http`: put before a question; E5 models want `query: `."
    )
    passage_prefix: str = Field(
        "", description="`http`: put before a passage; E5 models want `passage: `."
    )
    batch_len_max: int = Field(
        32, ge=1, le=2048, description="`http`: passages sent in one request."
    )
    timeout_connect_s: Seconds = Field(
        5, description="`http`: longest wait for a connection, in seconds."
    )
    timeout_read_s: Seconds = Field(
        120, description="`http`: longest wait for the vectors of one batch, in seconds."
    )
    query_wait_s_max: Seconds = Field(
        5,
        description="Longest wait for a question's vector, in seconds, the machine's queue "
        "included; then the search goes by words alone and says so.",
    )


class Log(Branch):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level.")
    format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: console on a terminal, JSON lines elsewhere."
    )


class Machine(Branch):
    """A computer that does inference; it owns one gate."""

    capacity: int = Field(1, ge=1, le=1024, description="Calls running at once.")
    queue_len_max: int = Field(
        32,
        ge=0,
        le=100_000,
        description="Calls waiting at most, counted for people and background work apart.",
    )
    queue_wait_s_max: Seconds = Field(
        120, description="Longest wait of a person for the machine, in seconds."
    )
    background_wait_s_max: Seconds = Field(
        300,
        description="Background work this old, in seconds, is served next, before one person.",
    )
    background_give_up_s: Seconds = Field(
        3600, description="Background work this old, in seconds, waits no longer and fails."
    )


class BackendBranch(Branch):
    """What every kind of backend that has a model shares.

    `named_by` are the settings that tell a table of this kind whose `kind` is missing.
    """

    named_by: ClassVar[tuple[str, ...]] = ()
    started_by_byline: ClassVar[bool] = False
    kind: str
    machine: Name = Field(description="The machine it runs on, one of [machines.*].")
    model: str = Field(min_length=1, description="The model name sent to the server.")
    timeout_connect_s: Seconds = Field(5, description="Longest wait for a connection, in seconds.")
    timeout_read_s: Seconds | None = Field(
        None,
        description="From the request to its last byte, in seconds; absent: ask.timeout_read_s for "
        "questions, 1800 on /v1.",
    )
    max_tokens: int = Field(4096, ge=1, description="Longest answer, in tokens.")
    context_tokens: int = Field(8192, ge=256, description="The model's context, in tokens.")
    tools: bool = Field(False, description="Whether the model can call tools.")
    stall_s: Seconds = Field(30, description="Longest silence after the first token, in seconds.")
    verify_model: bool = Field(True, description="Check which model the server has loaded.")
    probe_s: float = Field(
        30,
        ge=0,
        le=86_400,
        description="Seconds without a call after which the server is asked how it is (no model "
        "runs); 0: never.",
    )

    @property
    def server_url(self) -> str | None:
        """Where the server is; None if Byline starts it."""
        return None

    @property
    def wants_bundled_model(self) -> bool:
        """Whether it runs the small model that comes with Byline."""
        return False


class OpenAIBackend(BackendBranch):
    """Any OpenAI-compatible server reached over HTTP."""

    named_by: ClassVar[tuple[str, ...]] = ("base_url",)
    kind: Literal["openai"]
    base_url: str = Field(
        pattern=r"^https?://[^/\s]+(/[^\s?#]*)?$",
        description="http(s)://host:port, with or without /v1.",
    )
    api_key_env: str | None = Field(
        None, description="Name of the environment variable that holds the key."
    )

    @property
    def server_url(self) -> str | None:
        return self.base_url


class LlamaCppBackend(BackendBranch):
    """A llama.cpp server that Byline itself starts, watches and stops, on loopback."""

    named_by: ClassVar[tuple[str, ...]] = ("machine", "model")
    started_by_byline: ClassVar[bool] = True
    kind: Literal["llama-cpp"]
    model_path: str | None = Field(
        None,
        description="Path of a GGUF file, from BYLINE_HOME if relative; absent: the bundled small "
        "model, if installed.",
    )
    threads: int = Field(0, ge=0, le=1024, description="Threads; 0 takes all cores but one.")
    start_s_max: Seconds = Field(60, description="Longest time for the model to load, in seconds.")

    @property
    def wants_bundled_model(self) -> bool:
        return self.model_path is None


QUOTES_MACHINE = "byline"
"""The machine name of `quotes` backends: Byline itself; it has no gate."""


class QuotesBackend(Branch):
    """No model: the best sentences of the sources, verbatim, each cited."""

    named_by: ClassVar[tuple[str, ...]] = ()
    started_by_byline: ClassVar[bool] = False
    machine: ClassVar[str] = QUOTES_MACHINE
    model: ClassVar[None] = None
    probe_s: ClassVar[float] = 0.0
    server_url: ClassVar[None] = None
    wants_bundled_model: ClassVar[bool] = False

    kind: Literal["quotes"]
    sentences_max: int = Field(3, ge=1, le=20, description="Sentences in an answer at most.")
    evidence_min: float = Field(
        0.1,
        ge=0,
        le=1,
        description="As `ask.evidence_min`, which is for models: they can still say that the "
        "passages do not answer. 0 quotes always.",
    )


Backend = Annotated[OpenAIBackend | LlamaCppBackend | QuotesBackend, Field(discriminator="kind")]
"""One class a kind of backend. Nothing else lists the kinds; what differs between them is an
attribute of the class, and its client (`backend.client_factory`)."""


def _built_in_machines() -> dict[Name, Machine]:
    return {"local": Machine()}


def _built_in_backends() -> dict[Name, Backend]:
    return {
        "quotes": QuotesBackend(kind="quotes"),
        "tiny": LlamaCppBackend(
            kind="llama-cpp", machine="local", model="SmolLM2-135M-Instruct", max_tokens=256
        ),
    }


class Config(Branch):
    """The whole tree. With no file at all: embedded database, `quotes` and `tiny`."""

    server: Server = Server()
    database: Database = Database()
    storage: Storage = Storage()
    ask: Ask = Ask()
    ingest: Ingest = Ingest()
    embedder: EmbedderBranch = EmbedderBranch()
    log: Log = Log()
    machines: dict[Name, Machine] = Field(default_factory=_built_in_machines)
    backends: dict[Name, Backend] = Field(default_factory=_built_in_backends)

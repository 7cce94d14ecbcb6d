"""The bodies of OpenAI's dialect, in and out, as `/docs` describes them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from byline.ask.ask_shapes import BylineShape, Shape


class ModelShape(Shape):
    """A backend in the words of OpenAI's API: `id` is its name, `owned_by` its machine."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelsShape(Shape):
    """Every backend that has a model."""

    object: Literal["list"]
    data: list[ModelShape]


class ChoiceShape(BaseModel):
    """The one choice. `message` is as the machine said it, put together from its stream."""

    index: int
    message: dict[str, Any]
    finish_reason: str
    logprobs: None


class CompletionShape(Shape):
    """OpenAI's `chat.completion`; `model` is the backend's name, `byline` says who it was."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChoiceShape]
    usage: dict[str, Any] | None
    byline: BylineShape


class ChatMessage(BaseModel):
    """One message in OpenAI's shape; what is not named here goes to the machine as it is."""

    model_config = ConfigDict(extra="allow")

    role: str
    content: Any = None


class CompletionRequest(BaseModel):
    """OpenAI's chat request. What is not named here goes to the machine as it is."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, description="The name of a backend that has a model.")
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = False
    stream_options: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Literal["auto", "none", "required"] | dict[str, Any] | None = None
    max_tokens: int | None = Field(
        None, ge=-1, description="Cut to the backend's limit; then X-Byline-Max-Tokens says so."
    )
    max_completion_tokens: int | None = Field(None, ge=1, description="The same as max_tokens.")
    timeout_read_s: float | None = Field(None, gt=0, le=86_400, description="To the last byte.")

"""`GET /v1/taxonomy`: the topics and problems that messages are placed in."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from models.taxonomy.classifier import OTHER, Taxonomy
from stream.web.auth.callers import may
from stream.web.http.problems import documented


class ProblemInfo(BaseModel):
    """What went wrong, within a topic."""

    name: str
    examples: list[str] = Field(description="phrases that customers use for it")
    trades: list[str] = Field(description="whose customers speak of it; everybody's when empty")


class TopicInfo(BaseModel):
    """What a message is about."""

    name: str
    trades: list[str] = Field(description="whose customers speak of it; everybody's when empty")
    problems: list[ProblemInfo]


class TaxonomyOut(BaseModel):
    """What a message can be about."""

    topics: list[TopicInfo]
    other: str = Field(description="the topic of a message that fits none")


def taxonomy_routes(taxonomy: Taxonomy) -> APIRouter:
    router = APIRouter(tags=["understand"])
    answer = TaxonomyOut(
        topics=[_topic(taxonomy, topic.name) for topic in taxonomy.topics], other=OTHER
    )

    @router.get(
        "/v1/taxonomy",
        summary="Topics and problems",
        dependencies=[Depends(may("viewer"))],
        responses=documented(401, 403, 429, 503),
    )
    async def taxonomy_now() -> TaxonomyOut:
        """The topics, each with its problems, that `POST /v1/analyze` chooses from."""
        return answer

    return router


def _topic(taxonomy: Taxonomy, name: str) -> TopicInfo:
    problems = [
        ProblemInfo(
            name=problem.name, examples=list(problem.phrases), trades=sorted(problem.trades)
        )
        for problem in taxonomy.problems
        if problem.topic == name
    ]
    [topic] = [topic for topic in taxonomy.topics if topic.name == name]
    return TopicInfo(name=name, trades=sorted(topic.trades), problems=problems)

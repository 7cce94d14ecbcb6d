"""A model's refusal is told from an answer, in English and Korean, in the fixed line and others."""

from __future__ import annotations

import pytest

from byline.verify.refusal import REFUSAL_EN, REFUSAL_KO, is_refusal


@pytest.mark.parametrize(
    "answer",
    [
        REFUSAL_EN,
        REFUSAL_KO,
        REFUSAL_EN.upper(),
        "The sources don't answer this question",
        "The sources do not answer the question. [1][2]",
        "**The sources do not answer this question.**",
        "> The sources do not answer this question.",
        "Answer: The sources do not answer this question.",
        "The provided documents do not contain information about the warranty of the fridge.",
        "I'm sorry, but the sources do not mention the year.",
        "I'm sorry. The sources do not answer this question. Please provide more documents.",
        "The sources do not answer this question. Let me know if you have other questions!",
        "There is no information about pets in the provided sources.",
        "None of the sources mention the price of the boat.",
        "Based on the provided sources, I cannot answer this question.",
        "I cannot find the answer in the documents.",
        "This information is not mentioned in the sources.",
        "The sources do not answer this question.\n" * 40,
        "자료에 이 질문에 대한 답이 없습니다",
        "자료에는 이 질문에 대한 답이 없습니다. [1]",
        "제공된 자료에는 냉장고 보증에 대한 정보가 없습니다.",
        "죄송합니다. 자료에는 이 질문에 대한 답이 없습니다. 추가 자료를 제공해 주세요.",
        "주어진 문서에서 해당 내용을 찾을 수 없습니다.",
        "죄송하지만 이 질문에는 답변드릴 수 없습니다.",
        "문서에는 개봉 날짜가 언급되어 있지 않습니다.",
        "The answer is not in the sources.",
        "I don't know based on the provided sources.",
        "I do not know.",
        "I'm unable to answer this question from the sources.",
        "I found nothing about this in your documents.",
        "Nothing in the sources answers this question.",
        "There isn't any information on this in the sources.",
        "해당 내용은 자료에 없습니다.",
        "알 수 없습니다.",
        "The sources do not answer this question.\n자료에는 이 질문에 대한 답이 없습니다.",
    ],
)
def test_a_refusal_is_recognised(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The deposit is 1,800 euros [1].",
        "The deposit is 1,800 euros [1]. The pet fee is not mentioned in the sources.",
        "The sources do not mention the fee, but the deposit is 1,800 euros [1].",
        "The sources do not answer this question. The deposit is 1,800 euros [1].",
        "The sources do not name the year; however, the bridge opened in the summer [2].",
        "The lease does not mention pets [1].",
        "Pets are not mentioned in the lease, so the landlord must be asked [1].",
        "No, pets are not allowed in the flat [1].",
        "There is no deposit [1].",
        "There is no information desk at the station [2].",
        "The tenant cannot answer for damage done by storms [1].",
        "The documents must be handed in by 5 May [1].",
        "The documents do not have to be stamped [1].",
        "The deposit is 1,800 euros [1]. The sources do not answer this question.",
        "자료에는 이 질문에 대한 답이 없습니다. 보증 기간은 2년입니다 [2].",
        "우리는 결과를 알 수 없습니다만 계약은 2년입니다 [1].",
        "보증금은 300만 원입니다 [1]. 월세는 자료에 나와 있지 않습니다.",
        "자료에는 월세가 없지만 보증금은 300만 원입니다 [1].",
        "개봉한 제품은 환불되지 않습니다 [1].",
        "주차장이 없습니다 [2].",
        "반려동물은 키울 수 없습니다 [1].",
        "The sources do not answer this question. " + "It is said that the bridge is blue. " * 30,
    ],
)
def test_an_answer_is_not_taken_for_a_refusal(answer: str) -> None:
    assert not is_refusal(answer)

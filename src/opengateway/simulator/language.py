"""Plausible text in the language of the question, repeatable from a seed."""

from __future__ import annotations

import re

from opengateway.kit.chance import Chance

MAX_TEXT_BYTES = 4 * 1024 * 1024

_STOPWORDS = {
    "es": frozenset(
        [
            "el",
            "la",
            "los",
            "las",
            "qué",
            "cómo",
            "es",
            "por",
            "para",
            "con",
            "una",
            "está",
            "dime",
            "cuál",
        ]
    ),
    "fr": frozenset(
        [
            "le",
            "les",
            "des",
            "est",
            "quel",
            "quelle",
            "comment",
            "une",
            "pour",
            "avec",
            "dans",
            "dis",
            "moi",
            "qui",
        ]
    ),
    "de": frozenset(
        [
            "der",
            "die",
            "das",
            "ist",
            "wie",
            "was",
            "ein",
            "eine",
            "und",
            "nicht",
            "mit",
            "für",
            "wer",
            "bitte",
            "ich",
        ]
    ),
}

# {asked} is what was asked. The first sentence answers to it, the others fill.
_OPENINGS: dict[str, tuple[str, ...]] = {
    "en": (
        'You asked: "{asked}".',
        'Here is a simulated answer to "{asked}".',
        'Your question was "{asked}".',
    ),
    "ko": (
        "“{asked}”라고 질문하셨습니다.",
        "“{asked}”에 대한 모의 답변입니다.",
        "질문은 “{asked}”입니다.",
    ),
    "ja": (
        "「{asked}」というご質問ですね。",
        "「{asked}」への模擬回答です。",
        "ご質問は「{asked}」です。",
    ),
    "zh": ("您的问题是：“{asked}”。", "以下是对“{asked}”的模拟回答。", "您问的是“{asked}”。"),
    "es": ("Usted preguntó: «{asked}».", "Esta es una respuesta simulada a «{asked}»."),
    "fr": ("Vous avez demandé : « {asked} ».", "Voici une réponse simulée à « {asked} »."),
    "de": ("Sie fragten: „{asked}“.", "Hier ist eine simulierte Antwort auf „{asked}“."),
}
_FILLERS: dict[str, tuple[str, ...]] = {
    "en": (
        "This answer comes from the bundled simulator, not from a language model.",
        "The same request always gets the same words.",
        "Its length follows the limit that you set.",
        "Point the gateway at a real provider to get a real answer.",
        "Tools, images and structured output work here in the same way.",
        "Usage is counted, so cost and limits can be tried without spending anything.",
    ),
    "ko": (
        "이 답변은 언어 모델이 아니라 내장 시뮬레이터가 만들었습니다.",
        "같은 요청에는 항상 같은 문장이 돌아옵니다.",
        "길이는 설정하신 한도를 따릅니다.",
        "실제 답변을 받으려면 실제 제공자를 연결하십시오.",
        "도구 호출, 이미지, 구조화된 출력도 같은 방식으로 동작합니다.",
    ),
    "ja": (
        "この回答は言語モデルではなく、内蔵シミュレーターが作成しました。",
        "同じリクエストには常に同じ文章を返します。",
        "長さは設定された上限に従います。",
        "実際の回答を得るには、実際のプロバイダーを接続してください。",
        "ツール呼び出し、画像、構造化出力も同じように動作します。",
    ),
    "zh": (
        "此回答由内置模拟器生成，而不是语言模型。",
        "相同的请求总会得到相同的文字。",
        "长度取决于您设置的上限。",
        "若要获得真实回答，请接入真实的提供商。",
        "工具调用、图像和结构化输出也以同样方式工作。",
    ),
    "es": (
        "Esta respuesta viene del simulador incluido, no de un modelo de lenguaje.",
        "La misma petición recibe siempre las mismas palabras.",
        "Conecte un proveedor real para obtener una respuesta real.",
    ),
    "fr": (
        "Cette réponse vient du simulateur inclus, et non d'un modèle de langage.",
        "La même requête reçoit toujours les mêmes mots.",
        "Branchez un vrai fournisseur pour obtenir une vraie réponse.",
    ),
    "de": (
        "Diese Antwort kommt vom mitgelieferten Simulator, nicht von einem Sprachmodell.",
        "Dieselbe Anfrage erhält immer dieselben Worte.",
        "Für eine echte Antwort ist ein echter Anbieter nötig.",
    ),
}
_USING: dict[str, str] = {
    "en": "The tool answered: {result}",
    "ko": "도구의 결과는 다음과 같습니다: {result}",
    "ja": "ツールの結果は次のとおりです：{result}",
    "zh": "工具返回的结果是：{result}",
    "es": "La herramienta respondió: {result}",
    "fr": "L'outil a répondu : {result}",
    "de": "Das Werkzeug antwortete: {result}",
}
_SEEING: dict[str, str] = {
    "en": "I received {count} image(s): {kinds}.",
    "ko": "이미지 {count}개를 받았습니다: {kinds}.",
    "ja": "画像を{count}枚受け取りました：{kinds}。",
    "zh": "我收到了{count}张图片：{kinds}。",
    "es": "He recibido {count} imagen(es): {kinds}.",
    "fr": "J'ai reçu {count} image(s) : {kinds}.",
    "de": "Ich habe {count} Bild(er) erhalten: {kinds}.",
}
_THINKING: dict[str, str] = {
    "en": "The user asks about “{asked}”. I should say what was asked, keep it short, and answer.",
    "ko": "사용자가 “{asked}”에 대해 묻고 있다. 질문을 확인하고 간단히 답하자.",
    "ja": "ユーザーは「{asked}」について尋ねている。質問を確認し、簡潔に答えよう。",
    "zh": "用户在问“{asked}”。我应先确认问题，再简短回答。",
}


def language_of(text: str) -> str:
    """A guess by script, then by common words; English where nothing tells."""
    head = text[:2000]
    if re.search(r"[\uac00-\ud7a3]", head):
        return "ko"
    if re.search(r"[\u3040-\u30ff]", head):
        return "ja"
    if re.search(r"[\u4e00-\u9fff]", head):
        return "zh"
    words = set(re.findall(r"[^\W\d_]+", head.lower()))
    best = max(_STOPWORDS, key=lambda name: len(_STOPWORDS[name] & words))
    return best if len(_STOPWORDS[best] & words) >= 2 else "en"


def thinking(question: str) -> str:
    """A short train of thought about the question."""
    template = _THINKING.get(language_of(question), _THINKING["en"])
    return template.format(asked=_asked(question))


def answer_text(
    question: str, chance: Chance, *, results: tuple[str, ...], images: tuple[str, ...], size: int
) -> str:
    """At least `size` bytes of sentences: the opening, what was received, and fillers."""
    language = language_of(question)
    space = "" if language in ("ja", "zh") else " "
    sentences = [chance.choice(_OPENINGS[language]).format(asked=_asked(question))]
    if images:
        seen = _SEEING[language]
        sentences.append(seen.format(count=len(images), kinds=", ".join(images)))
    sentences += [_USING[language].format(result=result[:2000]) for result in results]
    origin, *fillers = _FILLERS[language]  # every answer says where it comes from
    chance.shuffle(fillers)
    sentences += [origin, fillers[0]]
    text = space.join(sentences)
    if (missing := min(size, MAX_TEXT_BYTES) - len(text.encode())) > 0:
        block = space + space.join(fillers)
        text += block * (missing // len(block.encode()) + 1)
    return text


def _asked(question: str) -> str:
    words = " ".join(question.split()) or "…"
    return words if len(words) <= 160 else words[:160] + "…"

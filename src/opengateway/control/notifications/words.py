"""What the letters about money and webhooks say, in each language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.control.mail.words import Words

ALERT_WORDS: Final[Mapping[str, Mapping[str, Words]]] = {
    "budget.alert": {
        "en": Words(
            "{team}: {level} % of a budget are spent",
            (
                "Of the budget {budget} of team {team}, {spent} of {limit} are spent.",
                (
                    "Where the budget refuses, requests past it get the error budget_exceeded until its"
                    " period ends or the limit is raised."
                ),
            ),
        ),
        "ko": Words(
            "{team}: 예산의 {level} %를 사용했습니다",
            (
                "{team} 팀의 예산 {budget} 중 {limit} 가운데 {spent}를 사용했습니다.",
                (
                    "차단형 예산이라면 한도를 넘는 요청은 기간이 끝나거나 한도를 올릴 때까지"
                    " budget_exceeded 오류를 받습니다."
                ),
            ),
        ),
        "ja": Words(
            "{team}:予算の {level} % を使用しました",
            (
                "チーム {team} の予算 {budget} は、{limit} のうち {spent} を使用しました。",
                (
                    "拒否する設定の予算では、上限を超えるリクエストは、期間が終わるか上限を引き上げるまで"
                    " budget_exceeded エラーになります。"
                ),
            ),
        ),
    },
    "payment.failed": {
        "en": Words(
            "{team}: a payment failed",
            (
                "The saved payment method of team {team} could not be charged {amount}.",
                "After three failures in a row automatic recharging is switched off. See Billing.",
            ),
        ),
        "ko": Words(
            "{team}: 결제에 실패했습니다",
            (
                "{team} 팀의 저장된 결제 수단으로 {amount}를 결제하지 못했습니다.",
                "연속으로 세 번 실패하면 자동 충전이 꺼집니다. 결제 페이지를 확인하세요.",
            ),
        ),
        "ja": Words(
            "{team}:支払いに失敗しました",
            (
                "チーム {team} に保存された支払い方法で {amount} を決済できませんでした。",
                "続けて 3 回失敗すると自動チャージは停止します。請求ページをご確認ください。",
            ),
        ),
    },
    "balance.low": {
        "en": Words(
            "{team}: the balance is low",
            (
                "Team {team} has {balance} left, and asked to be told at {threshold}.",
                "Once the balance is used up, requests are refused until it is topped up.",
            ),
        ),
        "ko": Words(
            "{team}: 잔액이 부족해지고 있습니다",
            (
                "{team} 팀의 잔액은 {balance}입니다. 알림 기준은 {threshold}입니다.",
                "잔액을 모두 사용하면 충전할 때까지 요청이 거부됩니다.",
            ),
        ),
        "ja": Words(
            "{team}:残高が少なくなっています",
            (
                "チーム {team} の残高は {balance} です。通知の基準は {threshold} です。",
                "残高がなくなると、チャージするまでリクエストは拒否されます。",
            ),
        ),
    },
    "balance.empty": {
        "en": Words(
            "{team}: the balance is used up",
            (
                (
                    "Team {team} has nothing left ({balance}). Requests are refused until it is topped"
                    " up."
                ),
            ),
        ),
        "ko": Words(
            "{team}: 잔액을 모두 사용했습니다",
            ("{team} 팀의 잔액을 모두 사용했습니다({balance}). 충전할 때까지 요청이 거부됩니다.",),
        ),
        "ja": Words(
            "{team}:残高がなくなりました",
            (
                "チーム {team} の残高がなくなりました({balance})。チャージするまでリクエストは拒否されます。",
            ),
        ),
    },
    "webhook.disabled": {
        "en": Words(
            "{team}: a webhook is not called any more",
            (
                (
                    "The webhook {webhook} of team {team} has taken nothing for three days, or said that"
                    " it is gone. It was disabled; enable it again once it answers."
                ),
            ),
        ),
        "ko": Words(
            "{team}: 웹훅 호출을 중단했습니다",
            (
                (
                    "{team} 팀의 웹훅 {webhook}이 3일 동안 응답하지 않았거나 더 이상 존재하지 않는다고"
                    " 응답했습니다. 웹훅을 비활성화했으니 정상화된 뒤 다시 활성화해 주세요."
                ),
            ),
        ),
        "ja": Words(
            "{team}:Webhook の呼び出しを停止しました",
            (
                (
                    "チーム {team} の Webhook {webhook} は 3 日間応答がないか、廃止されたと応答しました。"
                    "無効にしましたので、応答できるようになったら再び有効にしてください。"
                ),
            ),
        ),
    },
}

"""What our letters say, in each language. Not translated word by word: written as people write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """The first paragraph stands before the link, the others after it. `action` is on the button."""

    subject: str
    paragraphs: tuple[str, ...]
    action: str = ""


SIGNATURE: Final[Mapping[str, str]] = {
    "en": "OpenGateway. This message was sent automatically; nobody reads replies to it.",
    "ko": "OpenGateway · 발신 전용 메일입니다. 회신하셔도 확인할 수 없습니다.",
    "ja": "OpenGateway ※このメールは送信専用です。ご返信いただいてもお答えできません。",
}

WORDS: Final[Mapping[str, Mapping[str, Words]]] = {
    "verify": {
        "en": Words(
            "Confirm your e-mail address",
            (
                (
                    "Somebody, most likely you, asked for an OpenGateway account with this address. "
                    "Open this link to confirm the address and finish:"
                ),
                (
                    "The link works once, within the next hour. If you did not ask for an account, do "
                    "nothing: without the link none is made."
                ),
            ),
            "Confirm address",
        ),
        "ko": Words(
            "이메일 주소를 확인해 주세요",
            (
                (
                    "이 주소로 OpenGateway 계정 가입이 요청되었습니다. "
                    "아래 링크를 열어 주소를 확인하면 가입이 완료됩니다."
                ),
                (
                    "링크는 한 시간 동안 한 번만 사용할 수 있습니다. 직접 요청하신 것이 아니라면 이 메일을 "
                    "무시해 주세요. 링크를 열지 않으면 계정은 만들어지지 않습니다."
                ),
            ),
            "이메일 주소 확인",
        ),
        "ja": Words(
            "メールアドレスの確認をお願いします",
            (
                (
                    "このメールアドレスで OpenGateway のアカウント登録が申し込まれました。"
                    "次のリンクを開くと、アドレスの確認と登録が完了します。"
                ),
                (
                    "リンクの有効期限は 1 時間で、使えるのは 1 回だけです。お心当たりがない場合は、"
                    "このメールを破棄してください。リンクを開かない限り、アカウントは作成されません。"
                ),
            ),
            "メールアドレスを確認する",
        ),
    },
    "exists": {
        "en": Words(
            "You already have an account",
            (
                (
                    "Somebody, most likely you, tried to sign up for OpenGateway with this address, "
                    "which has an account already. You can sign in here:"
                ),
                (
                    "If you no longer know the password, choose “Forgot password” there. If it was not "
                    "you, there is nothing to do: nothing was changed."
                ),
            ),
            "Sign in",
        ),
        "ko": Words(
            "이미 가입된 계정이 있습니다",
            (
                (
                    "이 주소로 OpenGateway 가입이 시도되었지만, 이미 가입된 계정이 있습니다. "
                    "아래에서 로그인하실 수 있습니다."
                ),
                (
                    "비밀번호가 기억나지 않으면 로그인 화면에서 ‘비밀번호 찾기’를 선택해 주세요. 본인이 "
                    "시도하신 것이 아니라면 따로 하실 일은 없습니다. 변경된 내용은 없습니다."
                ),
            ),
            "로그인",
        ),
        "ja": Words(
            "すでにアカウントをお持ちです",
            (
                (
                    "このメールアドレスで OpenGateway への登録が試みられましたが、すでに登録済みです。"
                    "次のリンクからログインできます。"
                ),
                (
                    "パスワードをお忘れの場合は、ログイン画面の「パスワードを忘れた場合」をお選びください。"
                    "お心当たりがない場合でも、何も変更されていませんので、ご対応は不要です。"
                ),
            ),
            "ログインする",
        ),
    },
    "reset": {
        "en": Words(
            "Choose a new password",
            (
                (
                    "A new password was asked for your OpenGateway account. Open this link to choose "
                    "one:"
                ),
                (
                    "The link works once, within the next hour. If you did not ask for it, do nothing: "
                    "your password stays as it is."
                ),
            ),
            "Choose a new password",
        ),
        "ko": Words(
            "비밀번호 재설정 안내",
            (
                (
                    "OpenGateway 계정의 비밀번호 재설정이 요청되었습니다. "
                    "아래 링크에서 새 비밀번호를 설정해 주세요."
                ),
                (
                    "링크는 한 시간 동안 한 번만 사용할 수 있습니다. 직접 요청하신 것이 아니라면 이 메일을 "
                    "무시해 주세요. 비밀번호는 바뀌지 않습니다."
                ),
            ),
            "새 비밀번호 설정",
        ),
        "ja": Words(
            "パスワード再設定のご案内",
            (
                (
                    "OpenGateway アカウントのパスワード再設定が申し込まれました。"
                    "次のリンクから新しいパスワードを設定してください。"
                ),
                (
                    "リンクの有効期限は 1 時間で、使えるのは 1 回だけです。お心当たりがない場合は、"
                    "このメールを破棄してください。パスワードは変更されません。"
                ),
            ),
            "新しいパスワードを設定する",
        ),
    },
    "invitation": {
        "en": Words(
            "You are invited to the team {team}",
            (
                "{by} invites you to the team {team} on OpenGateway. Open this link to join:",
                (
                    "The link works once, within seven days. If you do not know the team, ignore this "
                    "message."
                ),
            ),
            "Join the team",
        ),
        "ko": Words(
            "{team} 팀에 초대되었습니다",
            (
                (
                    "{by} 님이 OpenGateway의 {team} 팀에 초대했습니다. "
                    "아래 링크를 열면 참여하실 수 있습니다."
                ),
                "링크는 7일 동안 한 번만 사용할 수 있습니다. 모르는 팀이라면 이 메일을 무시해 주세요.",
            ),
            "팀 참여하기",
        ),
        "ja": Words(
            "チーム「{team}」へのご招待",
            (
                (
                    "{by} さんから、OpenGateway のチーム「{team}」に招待されています。"
                    "次のリンクを開くと参加できます。"
                ),
                (
                    "リンクの有効期限は 7 日間で、使えるのは 1 回だけです。お心当たりがない場合は、"
                    "このメールを破棄してください。"
                ),
            ),
            "チームに参加する",
        ),
    },
    "password_changed": {
        "en": Words(
            "Your password was changed",
            (
                (
                    "The password of your OpenGateway account was just changed, and every other device "
                    "was signed out."
                ),
                (
                    "If it was not you, choose “Forgot password” on the sign-in page at once, and tell "
                    "whoever runs your OpenGateway."
                ),
            ),
        ),
        "ko": Words(
            "비밀번호가 변경되었습니다",
            (
                "OpenGateway 계정의 비밀번호가 방금 변경되었고, 다른 기기에서는 모두 로그아웃되었습니다.",
                (
                    "본인이 변경하신 것이 아니라면 지금 바로 로그인 화면에서 ‘비밀번호 찾기’를 선택하시고, "
                    "서비스 관리자에게도 알려 주세요."
                ),
            ),
        ),
        "ja": Words(
            "パスワードが変更されました",
            (
                "OpenGateway アカウントのパスワードが変更され、ほかのすべての端末からログアウトしました。",
                (
                    "お心当たりがない場合は、すぐにログイン画面の「パスワードを忘れた場合」から再設定し、"
                    "サービスの管理者にもお知らせください。"
                ),
            ),
        ),
    },
    "factor_changed": {
        "en": Words(
            "How you sign in was changed",
            (
                "A second factor or passkey of your OpenGateway account was just added or removed.",
                (
                    "If it was not you, change your password at once, and tell whoever runs your "
                    "OpenGateway."
                ),
            ),
        ),
        "ko": Words(
            "로그인 수단이 변경되었습니다",
            (
                "OpenGateway 계정의 2단계 인증 수단 또는 패스키가 방금 추가되거나 삭제되었습니다.",
                "본인이 변경하신 것이 아니라면 지금 바로 비밀번호를 바꾸고, 서비스 관리자에게도 알려 주세요.",
            ),
        ),
        "ja": Words(
            "ログイン方法が変更されました",
            (
                "OpenGateway アカウントの 2 段階認証またはパスキーが追加または削除されました。",
                "お心当たりがない場合は、すぐにパスワードを変更し、サービスの管理者にもお知らせください。",
            ),
        ),
    },
}

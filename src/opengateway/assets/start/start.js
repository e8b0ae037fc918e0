// The start page: its language, its status dot, and the copy button. It works without this file too.
const TEXTS = {
  en: {
    skip: 'Skip to the content',
    title: 'One API for many model providers',
    lead: 'This is a running OpenGateway. Programs speak the OpenAI API to it, with one base URL and one key. It calls a provider, tries the next when one fails, and records what every request used and cost.',
    try: 'Try it',
    copy: 'Copy',
    copied: 'Copied',
    note: 'The key was printed once, at the first start. The command “opengateway keys create” makes another.',
    docs: 'Documentation',
    docsWhat: 'Quickstart, zone file, errors',
    modelsWhat: 'What can be asked; needs a key',
    readyWhat: 'Whether requests can be served, and why not',
    healthWhat: 'Whether the process lives',
    ready: 'Ready',
    notReady: 'Not ready',
    unreachable: 'No answer',
  },
  ko: {
    skip: '본문으로 건너뛰기',
    title: '여러 모델 제공자를 하나의 API로',
    lead: '이 페이지는 실행 중인 OpenGateway가 제공합니다. 프로그램은 base URL 하나와 키 하나로 OpenAI API를 그대로 사용합니다. OpenGateway는 제공자를 호출하고, 실패하면 다음 제공자를 시도하며, 요청마다 사용량과 비용을 기록합니다.',
    try: '사용해 보기',
    copy: '복사',
    copied: '복사됨',
    note: '키는 처음 시작할 때 한 번만 출력됩니다. 새 키는 “opengateway keys create” 명령으로 만듭니다.',
    docs: '문서',
    docsWhat: '빠른 시작, 존 파일, 오류 코드',
    modelsWhat: '사용할 수 있는 모델 목록 (키 필요)',
    readyWhat: '요청을 처리할 수 있는지, 없다면 그 이유',
    healthWhat: '프로세스가 살아 있는지 여부',
    ready: '준비됨',
    notReady: '준비되지 않음',
    unreachable: '응답 없음',
  },
  ja: {
    skip: '本文へ移動',
    title: '多くのモデルプロバイダーを、ひとつの API で',
    lead: 'このページは稼働中の OpenGateway が返しています。プログラムからは、ひとつの base URL とひとつのキーで OpenAI API をそのまま利用できます。OpenGateway はプロバイダーを呼び出し、失敗した場合は次を試し、リクエストごとに使用量と費用を記録します。',
    try: '試してみる',
    copy: 'コピー',
    copied: 'コピーしました',
    note: 'キーは初回起動時に一度だけ表示されます。新しいキーは “opengateway keys create” コマンドで作成できます。',
    docs: 'ドキュメント',
    docsWhat: 'クイックスタート、ゾーンファイル、エラー',
    modelsWhat: '利用できるモデルの一覧（キーが必要）',
    readyWhat: 'リクエストを処理できるか、できない場合はその理由',
    healthWhat: 'プロセスが動作しているかどうか',
    ready: '準備完了',
    notReady: '準備できていません',
    unreachable: '応答なし',
  },
};
const POLL_MS = 10_000;

const dot = document.querySelector('.dot');
const status = document.querySelector('[data-status]');
const copyButton = document.querySelector('[data-copy]');
const copyLabel = document.querySelector('[data-copy-label]');
const snippet = document.querySelector('[data-snippet]');
let words = TEXTS.en;
let health = null; // { state, word, reason }

function remembered() {
  try {
    return localStorage.getItem('opengateway-language');
  } catch {
    return null; // storage is switched off: the browser's own language decides
  }
}

function preferred() {
  const wanted = [remembered(), ...(navigator.languages ?? [navigator.language])];
  return wanted.map((tag) => tag?.slice(0, 2).toLowerCase()).find((tag) => tag in TEXTS) ?? 'en';
}

function speak(language) {
  words = TEXTS[language];
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-text]')) {
    element.textContent = words[element.dataset.text];
  }
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === language));
  }
  document.querySelector('[data-docs]').href = language === 'en' ? '/docs/' : `/docs/${language}/`;
  showHealth();
}

function showHealth() {
  if (!health) return;
  dot.dataset.state = health.state;
  const text = health.reason ? `${words[health.word]}: ${health.reason}` : words[health.word];
  // A status region is read out when it changes, so it is left alone when it does not.
  if (status.textContent !== text) status.textContent = text;
}

async function reasonOf(response) {
  const body = await response.json().catch(() => ({}));
  const reasons = Array.isArray(body?.reasons) ? body.reasons : [body?.error?.message ?? ''];
  return reasons.join('; ').slice(0, 200);
}

async function ask() {
  try {
    const response = await fetch('/readyz', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    health = response.ok
      ? { state: 'ready', word: 'ready', reason: '' }
      : { state: 'not-ready', word: 'notReady', reason: await reasonOf(response) };
  } catch {
    health = { state: 'not-ready', word: 'unreachable', reason: '' };
  }
  showHealth();
}

async function watch() {
  if (!document.hidden) await ask();
  setTimeout(watch, POLL_MS);
}

async function copy() {
  await navigator.clipboard.writeText(snippet.textContent);
  copyLabel.textContent = words.copied;
  setTimeout(() => (copyLabel.textContent = words.copy), 2000);
}

for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => {
    try {
      localStorage.setItem('opengateway-language', button.dataset.language);
    } catch {
      // Not remembered, then; the page is shown in it all the same.
    }
    speak(button.dataset.language);
  });
}
// The address that this page was asked at is the one that works for the reader.
snippet.textContent = snippet.textContent.replace('http://localhost:8080', location.origin);
// The clipboard exists on https and on localhost only.
copyButton.hidden = !navigator.clipboard;
copyButton.addEventListener('click', copy);
speak(preferred());
watch();

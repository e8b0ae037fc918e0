/** The languages of the pages, in the order in which they are offered, each by its own name. */
export const LANGUAGES = { en: 'English', ko: '한국어', ja: '日本語' } as const;

export type Language = keyof typeof LANGUAGES;

const KEPT = 'opengateway-language'; // the docs and former start pages keep it under the same name

export function isLanguage(tag: string | undefined | null): tag is Language {
  return tag != null && tag in LANGUAGES;
}

/** What was chosen here before; else what the browser prefers; else English. */
export function preferredLanguage(): Language {
  const wanted = [remembered(), ...navigator.languages];
  return wanted.map((tag) => tag?.slice(0, 2).toLowerCase()).find(isLanguage) ?? 'en';
}

export function remember(language: Language): void {
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // Storage is switched off: the page is shown in it all the same.
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

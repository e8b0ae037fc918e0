import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';

import { type Language, preferredLanguage, remember } from './languages';

/** A language is one chunk: its texts, and the fonts that its script needs. */
const LOADERS: Record<Language, () => Promise<{ default: Record<string, object> }>> = {
  en: () => import('~/locales/en'),
  ko: () => import('~/locales/ko'),
  ja: () => import('~/locales/ja'),
};

/**
 * Names of teams, keys and people may be in any of our scripts, whatever the pages speak. The rules
 * come once there is nothing else to do; a file of glyphs is fetched when one of them is shown.
 */
export function loadScripts(): void {
  const load = () =>
    void Promise.all([
      import('@fontsource-variable/noto-sans-kr/wght.css'),
      import('@fontsource-variable/noto-sans-jp/wght.css'),
    ]);
  if ('requestIdleCallback' in window) requestIdleCallback(load, { timeout: 2000 });
  else setTimeout(load, 500);
}

/** Load and show `language`; English stands behind it for a key that is not there. */
export async function speak(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, 'app')) {
    const { default: texts } = await LOADERS[language]();
    for (const [namespace, keys] of Object.entries(texts)) {
      i18next.addResourceBundle(language, namespace, keys);
    }
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

/** The reader chose it: remember it on this device too. */
export async function choose(language: Language): Promise<void> {
  remember(language);
  await speak(language);
}

export async function startI18n(language: Language = preferredLanguage()): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    defaultNS: 'app',
    ns: ['app'],
    resources: {},
    interpolation: { escapeValue: false }, // React escapes
    react: { useSuspense: false },
  });
  await speak(language);
}

export function currentLanguage(): Language {
  return i18next.language as Language;
}
